//! `injector top` on a terminal: real keys in, what a person sees out.

use std::{
    fs::{File, Permissions, copy, rename, set_permissions},
    io::{ErrorKind, Read as _, Write as _},
    num::NonZeroU16,
    os::{
        fd::AsFd as _,
        unix::{fs::PermissionsExt as _, process::CommandExt as _},
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{
    pty::{Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::{Pid, geteuid, setsid},
};
use serde_json::{Value, json};

use super::fake::{Fake, Then, fault};

/// A terminal of 80x24 with `injector top` on it.
struct Screen {
    child: Child,
    keys: File,
    seen: Arc<Mutex<Seen>>,
    _directory: tempfile::TempDir,
}

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

impl Screen {
    fn start(fake: &Fake, flags: &[&str], env: &[(&str, &str)]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        // As root a halt would first write the halt word of every gate of this machine by hand, also of those that are
        // no business of this test: so it runs as nobody, and tells the daemon.
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("injector");
        copy(env!("CARGO_BIN_EXE_injector"), &program).unwrap();
        for path in [directory.path(), &program, Path::new(&fake.socket).parent().unwrap()] {
            set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        set_permissions(&fake.socket, Permissions::from_mode(0o777)).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = Command::new(&program);
        command.args(["top", "--socket", &fake.socket]).args(flags);
        command.env_remove("NO_COLOR").env_remove("INJECTOR_FAILPOINTS").env("TERM", "xterm-256color");
        // A trace would push the message off the screen.
        command.env("RUST_BACKTRACE", "0");
        command.envs(env.iter().copied()).stdin(end()).stdout(end()).stderr(end());
        if geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        // SAFETY: both are system calls; its own session has this terminal, and is told when it hangs up.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = loop {
            match command.spawn() {
                // Another test forked while the copy was open for writing, and has not executed its program yet.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    thread::sleep(Duration::from_millis(10));
                }
                spawned => break spawned.unwrap(),
            }
        };
        let number = |n| NonZeroU16::new(n).unwrap();
        let parser = vt100::Parser::new(number(24), number(80), 0);
        let seen = Arc::new(Mutex::new(Seen { parser, bytes: Vec::new() }));
        let mut master = File::from(pty.master);
        let screen =
            Self { child, keys: master.try_clone().unwrap(), seen: seen.clone(), _directory: directory };
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Until nobody has the other end any more.
            while let Ok(n @ 1..) = master.read(&mut buffer) {
                let mut seen = seen.lock().unwrap();
                seen.parser.process(&buffer[..n]);
                seen.bytes.extend(&buffer[..n]);
            }
        });
        screen
    }

    fn text(&self) -> String {
        self.seen.lock().unwrap().parser.screen().contents()
    }

    /// Waits until this is on the screen.
    fn shows(&self, what: &str) {
        for _ in 0..3_000 {
            if self.text().contains(what) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("`{what}` is not on the screen:\n{}", self.text());
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// How it ended, if it did.
    fn ended(&mut self) -> Option<i32> {
        for _ in 0..3_000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// Waits for its end with this code, and that the terminal is as it was.
    fn ends(&mut self, code: i32) {
        assert_eq!(self.ended(), Some(code), "{}", self.text());
        let flags = tcgetattr(self.keys.as_fd()).unwrap().local_flags;
        assert!(flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG), "{flags:?}");
        for _ in 0..3_000 {
            let seen = self.seen.lock().unwrap();
            if !seen.parser.screen().alternate_screen() && !seen.parser.screen().hide_cursor() {
                return;
            }
            drop(seen);
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the screen from before is not back, or it has no cursor");
    }

    fn bytes(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap().bytes).into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It has ended, or its test has failed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn status(halted: bool) -> Value {
    let mut fault = fault(213, None);
    fault["state"] = if halted { "ended" } else { "armed" }.into();
    json!({
        "schema": "injector.status/1", "node": "web-14", "disarmed": null, "mode": "armed", "limits_sha256": "",
        "halted": if halted { json!({"by": "nobody", "why": "a key", "since": "2026-01-01T14:02:02Z"}) } else { json!(null) },
        "pending": [], "kernel": "6.12.43", "instance": "00c0ffee", "pid": 1, "faults": [fault], "attached": [],
        "lost": lost(),
        "own": {"cpu_seconds": 1.5, "up_seconds": 100.0, "rss_bytes": 38_100_000, "maps_bytes": 8_400_000, "maps": 41,
                "programs_bytes": 300_000, "programs": 12, "missed": 0, "clock_backwards": 0},
        "saturated": [{"place": "/app.slice on 0.0.0.0:80", "what": "accept_queue", "says": "8 of 7 (114.3 %)"}],
    })
}

fn lost() -> Value {
    json!({"flows_refused": 0, "flows_no_memory": 0, "dependencies_full": 0, "bad_samples": 0, "cgroups_full": 0,
           "unattributed": 7, "unparsed": 0})
}

fn flows() -> Value {
    json!({
        "schema": "injector.flows/1", "node": "web-14", "at": "2026-01-01T14:02:02Z", "watched": ["/app.slice"],
        "flows": [], "listeners": [], "lost": lost(),
        "dependencies": [{
            "cgroup": "/app.slice", "side": "out", "service": "10.0.0.5:5432", "protocol": "tcp", "open": 1, "ended": 0,
            "tx_segments": 1, "tx_bytes": 5_000, "rx_segments": 1, "rx_bytes": 1, "retransmits": 4, "injected_drops": 0,
            "injected_delays": 0, "rtt_samples": 500, "rtt_p50_us": 850, "rtt_p90_us": 900, "rtt_p99_us": 41_250,
        }],
    })
}

fn saturation() -> Value {
    json!({
        "schema": "injector.saturation/1", "node": "web-14", "at": "2026-01-01T14:02:02Z", "took_us": 1, "hot": [],
        "faults": [],
        "places": [{"kind": "cgroup", "name": "/app.slice", "gauges": [
            {"what": "fds", "used": 93, "limit": 100, "percent": 93.0, "unit": "count"}]}],
    })
}

fn answer(request: &str, halted: bool) -> (u16, Value) {
    let path = request.split(' ').nth(1).unwrap_or_default();
    match path {
        "/v1/status" | "/v1/halt" => (200, status(halted)),
        "/v1/cost" => (
            200,
            json!({
                "schema": "injector.cost/1", "node": "web-14", "own": status(false)["own"], "measured_ms": 1_000,
                "programs_cpu_percent": 0.1, "programs": [{"name": "inj_egress", "runs": 9, "ns_per_run": 83.1}],
            }),
        ),
        _ if path.starts_with("/v1/saturation") => (200, saturation()),
        _ if path.starts_with("/v1/flows") => (200, flows()),
        _ => (404, json!({"schema": "injector.error/1", "kind": "not-found", "message": "no"})),
    }
}

fn daemon() -> Fake {
    Fake::start(Vec::new(), Then::End, |request| answer(request, false))
}

#[test]
fn keys_go_down_and_up_and_halt_when_asked_twice() {
    static HALTED: AtomicBool = AtomicBool::new(false);
    let fake = Fake::start(Vec::new(), Then::End, |request| {
        if request.starts_with("PUT /v1/halt ") {
            HALTED.store(true, Ordering::SeqCst);
        }
        answer(request, HALTED.load(Ordering::SeqCst))
    });
    let mut screen = Screen::start(&fake, &["--target", "cgroup:/app.slice"], &[]);
    for shown in [
        "web-14 (6.12.43), mode armed",
        "drop-7k3 ARMED 12.0 s left",
        "asked 5 %, achieved 5.06 %, as asked",
        "> /app.slice",
        "850us 41.2ms",
        "own cost: 1.5 % of a processor since the start, 38.1 MB resident,",
        "saturated: /app.slice on 0.0.0.0:80: accept_queue 8 of 7 (114.3 %)",
        "fds 93 %",
        "7 packets without an owner",
    ] {
        screen.shows(shown);
    }
    assert!(fake.saw("GET /v1/flows?target=cgroup%3A%2Fapp.slice "), "{:?}", fake.requests());
    assert!(fake.saw("GET /v1/saturation?target=cgroup%3A%2Fapp.slice "), "{:?}", fake.requests());
    assert!(!fake.requests().iter().any(|request| request.contains("/v1/cost")), "nobody asked to measure");
    screen.press("c");
    screen.shows("programs: 0.10 % of a processor, inj_egress 83.1 ns a run");
    screen.press("c\r");
    screen.shows("> tcp 10.0.0.5:5432");
    screen.press("\x1b[D");
    screen.shows("> /app.slice");
    screen.press("H");
    screen.shows("y: yes, any other key: no");
    screen.press("n");
    screen.shows("q: quit");
    screen.press("y");
    screen.press("H");
    screen.shows("y: yes, any other key: no");
    assert!(!fake.requests().iter().any(|request| request.starts_with("PUT")), "{:?}", fake.requests());
    screen.press("y");
    screen.shows("HALTED: nothing acts any more");
    assert!(fake.saw("PUT /v1/halt "));
    screen.shows("HALTED by nobody: a key");
    screen.shows("no fault is armed");
    screen.press("q");
    screen.ends(0);
}

#[test]
fn every_end_gives_the_terminal_back() {
    let fake = daemon();
    let mut ctrl_c = Screen::start(&fake, &[], &[]);
    ctrl_c.shows("web-14");
    assert!(ctrl_c.seen.lock().unwrap().parser.screen().alternate_screen());
    ctrl_c.press("\x03");
    ctrl_c.ends(0);
    let mut term = Screen::start(&fake, &[], &[]);
    term.shows("web-14");
    term.signal(Signal::SIGTERM);
    term.ends(130);
    term.shows("ended by a signal");
    let mut panics = Screen::start(&fake, &[], &[("INJECTOR_FAILPOINTS", "top-panics")]);
    panics.ends(101);
    panics.shows("failpoint: top panics");
}

#[test]
fn a_daemon_that_goes_is_said_and_waited_for() {
    let fake = daemon();
    let away = format!("{}.away", fake.socket);
    let mut screen = Screen::start(&fake, &[], &[]);
    screen.shows("/app.slice");
    rename(&fake.socket, &away).unwrap();
    screen.shows("NO DAEMON, trying again");
    assert!(screen.text().contains("/app.slice"), "what was seen last stays:\n{}", screen.text());
    rename(&away, &fake.socket).unwrap();
    for _ in 0..3_000 {
        if !screen.text().contains("NO DAEMON") {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!screen.text().contains("NO DAEMON"), "{}", screen.text());
    screen.press("q");
    screen.ends(0);
}

/// Flags, environment, and whether there are colours then.
type Way = (&'static [&'static str], &'static [(&'static str, &'static str)], bool);

#[test]
fn colours_are_left_out_when_they_are_not_wanted() {
    let fake = daemon();
    let colour = "\u{1b}[38;5;";
    let ways: [Way; 4] = [
        (&[], &[], true),
        (&["--no-color"], &[], false),
        (&[], &[("NO_COLOR", "1")], false),
        (&[], &[("NO_COLOR", "")], true),
    ];
    for (flags, env, wanted) in ways {
        let mut screen = Screen::start(&fake, flags, env);
        screen.shows("q: quit");
        screen.shows("/app.slice");
        screen.press("q");
        screen.ends(0);
        assert_eq!(screen.bytes().contains(colour), wanted, "{flags:?} {env:?}");
    }
}

#[test]
fn a_terminal_that_hangs_up_is_an_end() {
    let fake = daemon();
    let mut screen = Screen::start(&fake, &[], &[]);
    screen.shows("web-14");
    // What the kernel sends when a terminal goes. That it still can be drawn on does not keep it.
    screen.signal(Signal::SIGHUP);
    screen.ends(130);
}

#[test]
fn what_is_no_terminal_is_told_what_to_do() {
    let (_directory, socket) = super::nowhere();
    let (code, text) = super::ending(&super::injector(&["top", "--socket", &socket]));
    assert!(
        code == 2 && text.contains("needs a terminal") && text.contains("injector flows --watch"),
        "{code}: {text}"
    );
    let fake = daemon();
    let mut dumb = Screen::start(&fake, &[], &[("TERM", "dumb")]);
    assert_eq!(dumb.ended(), Some(2));
    dumb.shows("injector flows --watch");
}
