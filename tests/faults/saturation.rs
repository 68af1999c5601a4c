//! How full things are, against what the programs that fill them know themselves.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{Resource, setrlimit},
    socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket},
};
use serde_json::Value;

use crate::support::{
    HERE, THERE, World, lacks, same_as_natively, same_in_every_guest, traffic::connect as connected, wait_for,
};

/// The places of a kind and name.
fn places<'a>(doc: &'a Value, kind: &str, name: &str) -> Vec<&'a Value> {
    let all = doc["places"].as_array().unwrap().iter();
    all.filter(|place| place["kind"] == kind && (name.is_empty() || place["name"] == name)).collect()
}

fn of<'a>(place: &'a Value, list: &str, what: &str) -> Option<&'a Value> {
    place[list].as_array()?.iter().find(|one| one["what"] == what)
}

fn gauge<'a>(doc: &'a Value, kind: &str, name: &str, what: &str) -> Option<&'a Value> {
    places(doc, kind, name).into_iter().find_map(|place| of(place, "gauges", what))
}

fn read(world: &World) -> Value {
    world.daemon.json(&format!("saturation --target {}", world.target()))
}

/// Begins to connect, and does not wait.
fn knock(port: u16) -> std::os::fd::OwnedFd {
    let flags = SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    let SocketAddr::V4(to) = SocketAddr::new(HERE.parse().unwrap(), port) else { panic!("IPv4") };
    _ = connect(fd.as_raw_fd(), &SockaddrIn::from(to));
    fd
}

/// Connections that are turned away before a fault are not its doing; those during it are.
#[test]
fn a_full_accept_queue_and_what_it_turned_away_since_the_fault() {
    if same_in_every_guest("a_full_accept_queue_and_what_it_turned_away_since_the_fault") {
        return;
    }
    let world = World::new();
    let _victim = world.in_victim(|| {
        let listener = TcpListener::bind((HERE, 9005)).unwrap();
        // SAFETY: a valid descriptor. The limit is made small.
        unsafe { libc::listen(listener.as_raw_fd(), 3) };
        sleep(Duration::from_secs(60));
        String::new()
    });
    sleep(Duration::from_millis(300));
    let knocks = || {
        let sockets: Vec<_> = (0..12).map(|_| knock(9005)).collect();
        sleep(Duration::from_secs(60));
        sockets.len().to_string()
    };
    let _early = world.over_there(knocks);
    let name = format!("{HERE}:9005");
    let drops = |doc: &Value| {
        let place = *places(doc, "listener", &name).first()?;
        Some(of(place, "counters", "listen_drops")?["total"].as_u64().unwrap()).filter(|n| *n > 0)
    };
    let before = wait_for(20, "connections that are turned away", || drops(&read(&world)));
    let id = world.daemon.arm(&format!("drop --target {} --percent 1 --shadow --for 2m", world.target()));
    let _late = world.over_there(knocks);
    let since = |doc: &Value| {
        let fault =
            doc["faults"].as_array().unwrap().iter().find(|fault| fault["fault"] == id.as_str())?.clone();
        assert_eq!(fault["late_ms"], 0, "{fault}");
        let place = format!("{} on {name}", world.victim.path);
        let over = fault["overflows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|over| over["what"] == "listen_drops" && over["place"] == place.as_str())?;
        over["count"].as_u64()
    };
    let doc = wait_for(20, "what ran over", || Some(read(&world)).filter(|doc| since(doc) >= Some(8)));
    let (total, since) = (drops(&doc).unwrap(), since(&doc).unwrap());
    println!("{before} drops before the fault, {since} since, {total} in all");
    assert!(since <= total - before, "what was before the fault is in it: {before} + {since} > {total}");
    let queue = gauge(&doc, "listener", &name, "accept_queue").unwrap();
    // The kernel lets one more in than the backlog says.
    assert_eq!((&queue["used"], &queue["limit"]), (&4.into(), &3.into()), "{doc}");
    let space = places(&doc, "namespace", "")[0];
    assert!(of(space, "counters", "listen_drops").unwrap()["total"].as_u64().unwrap() >= total, "{space}");
    let hot = doc["hot"].as_array().unwrap().iter().find(|hot| hot["what"] == "accept_queue");
    assert!(hot.is_some(), "{doc}");
    let text = world.daemon.run(&format!("status {id}")).1;
    assert!(text.contains("listen_drops"), "{text}");
    assert!(world.daemon.run("status").1.contains("saturated: "), "the node's status says what is full");
}

/// Descriptors, ports and connections are as many as the program has.
#[test]
fn descriptors_and_ports_are_as_many_as_the_program_has() {
    if same_in_every_guest("descriptors_and_ports_are_as_many_as_the_program_has") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| {
        let listener = TcpListener::bind((THERE, 9001)).unwrap();
        let held: Vec<_> = (0..20).map(|_| listener.accept().unwrap()).collect();
        sleep(Duration::from_secs(60));
        held.len().to_string()
    });
    sleep(Duration::from_millis(300));
    let victim = world.in_victim(|| {
        setrlimit(Resource::RLIMIT_NOFILE, 400, 400).unwrap();
        let _files: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        let _streams: Vec<_> = (0..20).map(|_| connected(THERE, 9001)).collect();
        // Less the one by which they are listed.
        let mine = std::fs::read_dir("/proc/self/fd").unwrap().count() - 1;
        File::create("/proc/self/comm").unwrap().write_all(b"victim-program").unwrap();
        std::fs::write(format!("/tmp/inj-fds-{}", std::process::id()), mine.to_string()).unwrap();
        sleep(Duration::from_secs(60));
        String::new()
    });
    let file = format!("/tmp/inj-fds-{}", victim.pid());
    let mine: u64 = wait_for(20, "the program", || std::fs::read_to_string(&file).ok()?.parse().ok());
    std::fs::remove_file(&file).unwrap();
    let doc = read(&world);
    let fds = gauge(&doc, "cgroup", &world.victim.path, "fds").unwrap();
    assert_eq!((&fds["used"], &fds["limit"]), (&mine.into(), &400.into()), "{fds}");
    assert_eq!(fds["of"], format!("victim-program ({})", victim.pid()));
    let ports = gauge(&doc, "namespace", "", "ports").unwrap();
    assert_eq!(ports["of"], format!("{HERE} to {THERE}:9001"), "{ports}");
    assert_eq!((&ports["used"], &ports["limit"]), (&20.into(), &range(&world).into()), "{ports}");
    let open = gauge(&doc, "dependency", &format!("{THERE}:9001"), "connections").unwrap();
    assert_eq!(open["used"], 20, "{open}");
}

/// How many ports the victim's namespace hands out.
fn range(world: &World) -> u64 {
    let text = world.here.run("cat", "/proc/sys/net/ipv4/ip_local_port_range");
    let ends: Vec<u64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let reserved = world.here.run("cat", "/proc/sys/net/ipv4/ip_local_reserved_ports");
    assert_eq!(reserved.trim(), "", "nobody has reserved any here");
    ends[1] - ends[0] + 1
}

/// A program that does not read, and one whose peer does not: each is seen on the side that it is on.
#[test]
fn who_does_not_read_and_who_waits_for_that_are_told_apart() {
    if same_in_every_guest("who_does_not_read_and_who_waits_for_that_are_told_apart") {
        return;
    }
    let world = World::new();
    let flood = |stream: &mut TcpStream| while stream.write(&[0; 65_536]).is_ok_and(|n| n > 0) {};
    let _server = world.over_there(|| {
        let (writes, idles) =
            (TcpListener::bind((THERE, 9011)).unwrap(), TcpListener::bind((THERE, 9012)).unwrap());
        let (mut to_flood, _) = writes.accept().unwrap();
        let _held = idles.accept().unwrap();
        flood(&mut to_flood);
        String::new()
    });
    sleep(Duration::from_millis(300));
    let _victim = world.in_victim(|| {
        let _not_read = connected(THERE, 9011);
        let mut not_read_there = connected(THERE, 9012);
        flood(&mut not_read_there);
        String::new()
    });
    let (own, theirs) = (format!("{THERE}:9011"), format!("{THERE}:9012"));
    let percent = |doc: &Value, name: &str, what: &str| {
        Some(gauge(doc, "dependency", name, what)?["percent"].as_f64().unwrap_or(-1.0))
    };
    let doc = wait_for(30, "a second of nothing but waiting", || {
        let doc = read(&world);
        // By then both buffers are full, and have been for a whole interval.
        (percent(&doc, &theirs, "limited_by_peer_window")? > 90.0).then_some(doc)
    });
    let of = |name: &str, what: &str| percent(&doc, name, what);
    println!("{}", doc["hot"]);
    assert!(of(&own, "receive_buffer").unwrap() > 30.0, "{doc}");
    assert!(of(&theirs, "receive_buffer").unwrap() < 10.0, "{doc}");
    assert!(of(&theirs, "send_buffer").unwrap() > 60.0, "{doc}");
    assert_eq!(
        (of(&theirs, "zero_window_peer"), of(&own, "zero_window_peer")),
        (Some(100.0), Some(0.0)),
        "{doc}"
    );
    assert!(of(&own, "limited_by_peer_window").unwrap() < 10.0, "{doc}");
    // Linux 6.2 tells one's own window; what does not is said to be missing.
    let place = places(&doc, "dependency", &own)[0];
    match of(&own, "zero_window_own") {
        Some(share) => assert_eq!(share, 100.0, "{doc}"),
        None => assert!(place["missing"].to_string().contains("zero_window_own"), "{place}"),
    }
}

/// A pool of four that are all in use, beside four that nobody uses.
#[test]
fn a_full_pool_is_told_from_an_idle_one() {
    if same_as_natively("a_full_pool_is_told_from_an_idle_one") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| {
        let (slow, idle) =
            (TcpListener::bind((THERE, 9021)).unwrap(), TcpListener::bind((THERE, 9022)).unwrap());
        let busy: Vec<_> = (0..4).map(|_| slow.accept().unwrap().0).collect();
        let _held: Vec<_> = (0..4).map(|_| idle.accept().unwrap().0).collect();
        let answer = |mut stream: TcpStream| {
            while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {
                sleep(Duration::from_millis(1500));
                _ = stream.write_all(b"answer");
            }
        };
        let all: Vec<_> = busy.into_iter().map(|stream| std::thread::spawn(move || answer(stream))).collect();
        all.into_iter().for_each(|thread| thread.join().unwrap());
        String::new()
    });
    sleep(Duration::from_millis(300));
    let _victim = world.in_victim(|| {
        let busy: Vec<_> = (0..4).map(|_| connected(THERE, 9021)).collect();
        let _idle: Vec<_> = (0..4).map(|_| connected(THERE, 9022)).collect();
        let ask = |mut stream: TcpStream| {
            while stream.write_all(b"question").is_ok() && stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
        };
        let all: Vec<_> = busy.into_iter().map(|stream| std::thread::spawn(move || ask(stream))).collect();
        all.into_iter().for_each(|thread| thread.join().unwrap());
        String::new()
    });
    let begun = Instant::now();
    let doc = wait_for(60, "a full pool", || {
        let doc = read(&world);
        gauge(&doc, "dependency", &format!("{THERE}:9021"), "pool").is_some().then_some(doc)
    });
    println!("a full pool after {:?}", begun.elapsed());
    assert!(begun.elapsed() >= Duration::from_secs(10), "sooner than it may be said");
    let pool = gauge(&doc, "dependency", &format!("{THERE}:9021"), "pool").unwrap();
    assert_eq!((&pool["used"], &pool["limit"]), (&4.into(), &4.into()), "{pool}");
    let idle = format!("{THERE}:9022");
    assert_eq!(gauge(&doc, "dependency", &idle, "connections").unwrap()["used"], 4, "{doc}");
    assert!(gauge(&doc, "dependency", &idle, "pool").is_none(), "{doc}");
}

/// What the cgroup may use of CPU, memory and processes. Natively the controllers may be v1's.
#[test]
fn what_a_cgroup_may_use_and_what_it_was_held_up_for() {
    let test = "what_a_cgroup_may_use_and_what_it_was_held_up_for";
    let world = World::new();
    for controller in ["cpu", "memory", "pids"] {
        if lacks(test, &world.daemon, &format!("saturation: {controller}")) {
            return;
        }
    }
    world.victim.give("+cpu +memory +pids");
    world.victim.write("cpu.max", "20000 100000");
    world.victim.write("memory.max", "67108864");
    world.victim.write("pids.max", "9");
    let _victim = world.in_victim(|| {
        let mut held = vec![1_u8; 16 << 20];
        let mut at = 0_usize;
        loop {
            at = (at + 4096) % held.len();
            held[at] = held[at].wrapping_add(1);
        }
    });
    let doc = wait_for(60, "a second of being held up", || {
        let doc = read(&world);
        let throttled = gauge(&doc, "cgroup", &world.victim.path, "cpu_throttled")?;
        (throttled["percent"].as_f64()? >= 80.0).then_some(doc)
    });
    let of = |what: &str| {
        gauge(&doc, "cgroup", &world.victim.path, what).unwrap_or_else(|| panic!("no {what}: {doc}"))
    };
    println!("{} {} {} {}", of("cpu"), of("cpu_throttled"), of("memory"), of("pids"));
    assert_eq!(of("cpu")["limit"], 200, "thousandths of a CPU");
    // It is given its quota in each period, and no more; the guest may not even come to that.
    assert!(of("cpu")["used"].as_u64().unwrap() <= 260, "{}", of("cpu"));
    let memory = of("memory")["used"].as_u64().unwrap();
    assert!(((16 << 20)..(64 << 20)).contains(&memory), "{memory} bytes");
    assert_eq!(of("memory")["limit"], 64 << 20);
    assert_eq!((&of("pids")["used"], &of("pids")["limit"]), (&1.into(), &9.into()));
}

/// Three programs that all want both CPUs wait for one another.
#[test]
fn pressure_is_that_of_the_cgroup() {
    let test = "pressure_is_that_of_the_cgroup";
    if same_as_natively(test) {
        return;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "saturation: pressure of cpu") {
        return;
    }
    let cpus = std::thread::available_parallelism().unwrap().get();
    let spin = || -> String {
        loop {
            std::hint::spin_loop();
        }
    };
    let _busy: Vec<_> = (0..2 * cpus).map(|_| world.in_victim(spin)).collect();
    let calm = world.daemon.json(&format!("saturation --target cgroup:{}", world.control.path));
    let share = wait_for(30, "pressure", || {
        let doc = read(&world);
        let place = places(&doc, "cgroup", &world.victim.path)[0].clone();
        let share = of(&place, "pressures", "cpu")?["some_percent"].as_f64()?;
        (share > 30.0).then_some(share)
    });
    println!("some waited {share} % of a second");
    let place = places(&calm, "cgroup", &world.control.path)[0];
    assert_eq!(
        of(place, "pressures", "cpu").unwrap()["some_percent"],
        0.0,
        "nobody is in the other one: {place}"
    );
}
