//! Failed calls are told one by one, to whoever watches.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    thread::spawn,
    time::Instant,
};

use serde_json::Value;

use crate::support::{World, lacks, same_as_on_6_1, wait_for};

const DIRECTORY: &str = "/tmp/injector-events-test";

/// `injector events --watch --json`; its documents, as they come.
struct Watch {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watch {
    /// Returns when it is told of everything that comes.
    fn start(world: &World) -> Self {
        let mut child =
            world.daemon.cli("--json events --watch").stdout(Stdio::piped()).spawn().expect("the command");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut watch = Self { child, lines };
        let first = watch.next();
        assert_eq!(first["events"].as_array().map(Vec::len), Some(0), "from now on: {first}");
        watch
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("a line").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The next ones, until there are so many or so many are lost.
    fn all(&mut self, n: usize) -> (Vec<Value>, u64) {
        let (mut events, mut lost) = (Vec::new(), 0);
        while events.len() + (lost as usize) < n {
            let line = self.next();
            events.extend(line["events"].as_array().unwrap().iter().cloned());
            lost =
                ["left_out", "ring_full", "lagged"].iter().filter_map(|key| line["lost"][key].as_u64()).sum();
        }
        (events, lost)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Where calls that open files can be failed.
fn world(test: &str) -> Option<World> {
    if same_as_on_6_1(test) {
        return None;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "fail open") { None } else { Some(world) }
}

fn directory() {
    std::fs::create_dir_all(DIRECTORY).unwrap();
    std::fs::write(format!("{DIRECTORY}/a"), "x").unwrap();
}

#[test]
fn who_where_and_which_call_is_told() {
    let Some(world) = world("who_where_and_which_call_is_told") else { return };
    directory();
    let id = world.daemon.arm(&format!(
        "fail open --errno EACCES --percent 100 --path {DIRECTORY} --target {} --for 1m",
        world.target()
    ));
    let mut watch = Watch::start(&world);
    let control = world.in_control(|| File::open(format!("{DIRECTORY}/a")).is_ok().to_string());
    assert_eq!(control.join(), "true");
    let victim = world.in_victim(|| {
        let thread = spawn(|| {
            // SAFETY: a NUL-terminated name of at most 16 bytes.
            unsafe { libc::prctl(libc::PR_SET_NAME, c"the one".as_ptr()) };
            assert!(File::open(format!("{DIRECTORY}/a")).is_err());
            // SAFETY: plain call.
            unsafe { libc::syscall(libc::SYS_gettid) }
        });
        thread.join().unwrap().to_string()
    });
    let pid = victim.pid();
    let tid: u64 = victim.join().parse().unwrap();
    let (events, lost) = watch.all(1);
    println!("n=1 event {}, {lost} lost", events[0]);
    assert_eq!((events.len(), lost), (1, 0), "the control group's are none: {events:?}");
    let event = &events[0];
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((event["pid"].as_u64(), event["tid"].as_u64()), (Some(u64::from(pid)), Some(tid)));
    assert_eq!(
        (text("comm"), text("syscall"), text("errno")),
        ("the one".into(), "openat".into(), "EACCES".into())
    );
    assert_eq!((text("path"), text("fault")), (format!("{DIRECTORY}/a"), id.clone()));
    assert_eq!(text("cgroup"), world.victim.path);
    let told = humantime::parse_rfc3339(&text("time")).unwrap();
    assert!(told.elapsed().is_ok_and(|ago| ago.as_secs() < 60), "{event}");
    // It is kept for whoever asks later, and shown to people.
    assert_eq!(world.daemon.json("events")["events"][0], *event);
    let (_, table, _) = world.daemon.run("events");
    let row = format!("the one          openat           EACCES        {id}");
    assert!(table.starts_with("TIME") && table.contains(&row), "{table}");
}

#[test]
fn the_peer_of_a_connection_is_told() {
    let world = World::new();
    if lacks("the_peer_of_a_connection_is_told", &world.daemon, "fail any call") {
        return;
    }
    let fault =
        format!("fail connect --errno ECONNREFUSED --percent 100 --target {} --for 1m", world.target());
    let id = world.daemon.arm(&fault);
    let mut watch = Watch::start(&world);
    let victim = world.in_victim(|| {
        let to = |address: &str| std::net::TcpStream::connect(address).is_err();
        (to("10.77.0.2:9") && to("[fd77::2]:9")).to_string()
    });
    assert_eq!(victim.join(), "true");
    let (events, _) = watch.all(2);
    let peers: Vec<_> = events.iter().map(|event| event["peer"].as_str().unwrap_or_default()).collect();
    assert_eq!(peers, ["10.77.0.2:9", "[fd77::2]:9"]);
    assert_eq!((&events[0]["syscall"], &events[0]["errno"]), (&"connect".into(), &"ECONNREFUSED".into()));
    assert_eq!(world.daemon.counter(&id, "acted"), 2);
}

/// Of a flood some are told and the others counted: together they are what acted.
#[test]
fn what_is_lost_of_a_flood_is_counted() {
    let Some(world) = world("what_is_lost_of_a_flood_is_counted") else { return };
    directory();
    let id = world.daemon.arm(&format!(
        "fail open --errno EIO --every 2 --path {DIRECTORY} --target {} --for 2m",
        world.target()
    ));
    let mut watch = Watch::start(&world);
    let begun = Instant::now();
    let victim = world.in_victim(|| {
        (0..20_000).filter(|_| File::open(format!("{DIRECTORY}/a")).is_err()).count().to_string()
    });
    assert_eq!(victim.join(), "10000");
    let seconds = begun.elapsed().as_secs() + 1;
    wait_for(10, "what acted", || (world.daemon.counter(&id, "acted") == 10_000).then_some(()));
    let (events, lost) = watch.all(10_000);
    println!("n=10000 failed calls in a flood: {} told, {lost} lost", events.len());
    assert_eq!(events.len() as u64 + lost, 10_000);
    // In windows of a second, of which the first and the last may be a part.
    let never = world.daemon.json("events")["lost"].clone();
    let never = never["left_out"].as_u64().unwrap() + never["ring_full"].as_u64().unwrap();
    assert!(10_000 - never <= 1000 * (seconds + 1), "{} in {seconds} s", 10_000 - never);
    let (_, status, _) = world.daemon.run("status");
    assert_eq!(status.contains("failed calls one by one"), never > 0, "{status}");
}

/// How often the threads of a process had to wait: `voluntary_ctxt_switches` (proc_pid_status(5)).
fn waits(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
    };
    tasks.map(|task| of(task.unwrap())).sum()
}

/// Failed calls wake the daemon a few times in 20 ms, and not each. Only guests can tell: with a second processor for it
/// one reading finds many anyway.
#[test]
fn many_at_once_are_read_at_once() {
    // One fewer than a fault backs off after.
    const CALLS: usize = 999;
    let Some(world) = world("many_at_once_are_read_at_once") else { return };
    directory();
    world.daemon.arm(&format!(
        "fail open --errno EIO --percent 100 --path {DIRECTORY} --target {} --for 2m",
        world.target()
    ));
    let mut watch = Watch::start(&world);
    let before = waits(world.daemon.pid());
    let victim = world.in_victim(|| {
        (0..CALLS).filter(|_| File::open(format!("{DIRECTORY}/a")).is_err()).count().to_string()
    });
    assert_eq!(victim.join(), CALLS.to_string());
    let waited = waits(world.daemon.pid()).saturating_sub(before);
    let (events, lost) = watch.all(CALLS);
    println!("n={CALLS} failed calls, {} told, {lost} lost; the daemon waited {waited} times", events.len());
    assert!(waited < CALLS as u64 / 2, "{waited} times for {CALLS} calls");
}
