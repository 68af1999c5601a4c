//! Faults in the foreground, before a fake daemon: what is printed, how it ends, with which exit code.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use super::{
    command, ending,
    fake::{Fake, Then, fault},
    injector,
};

const DROP: [&str; 5] = ["drop", "--percent", "5", "--target", "unit:nginx"];

fn none(request: &str) -> (u16, Value) {
    panic!("nothing else is asked: {request}")
}

fn stopped(request: &str) -> (u16, Value) {
    assert!(request.starts_with("DELETE /v1/faults/drop-7k3 "), "{request}");
    (200, fault(213, Some("stopped")))
}

fn drop_on<'a>(fake: &'a Fake, more: &[&'a str]) -> Vec<&'a str> {
    [&DROP, &["--socket", fake.socket.as_str()][..], more].concat()
}

#[test]
fn a_fault_that_ran_its_time_is_exit_0_and_says_all_of_it() {
    let lines = vec![fault(0, None), fault(213, None), fault(220, Some("expired"))];
    let fake = Fake::start(lines.clone(), Then::End, none);
    let output = injector(&drop_on(&fake, &[]));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()), "{text}");
    let said: Vec<&str> = text.lines().collect();
    let first = said[0];
    assert!(first.starts_with("drop-7k3 ARMED on web-14 ("), "{first}");
    assert!(
        first.contains("): 5 % egress loss, nginx.service (1 cgroup, 4 processes, 37 flows). Ends "),
        "{first}"
    );
    assert!(first.ends_with(". Stop: Ctrl-C | injector stop drop-7k3 | injector halt"), "{first}");
    let second = said[1].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        second,
        "matched 4,210 acted 213 (5.06 % [4.43, 5.76], asked 5) p99 target 41.2 ms control 400 us 12.0 s left"
    );
    assert!(
        said[2].starts_with("drop-7k3 ENDED: its time was over. It acted on 220 of 4,210"),
        "{}",
        said[2]
    );
    assert!(said[3].contains("clean: nothing is left; the last fault came 0 ms after"), "{}", said[3]);

    let output = injector(&drop_on(&Fake::start(lines.clone(), Then::End, none), &["--json"]));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()));
    let documents: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents, lines);
}

#[test]
fn other_endings_have_their_own_exit_codes() {
    let mut unclean = fault(213, Some("expired"));
    unclean["clean"]["left"] = json!(["ifb0"]);
    let mut quiet = fault(0, Some("expired"));
    quiet["nothing_matched"] = json!({"seconds": 30, "why": "the target has no socket"});
    let cases: [(Value, i32, &str, &str); 11] = [
        (fault(0, Some("expired")), 6, "nothing-hit", "acted on nothing"),
        (quiet, 6, "nothing-hit", "the target has no socket"),
        (fault(213, Some("stopped")), 5, "ended-early", "it was stopped"),
        (fault(213, Some("halted")), 5, "ended-early", "halted"),
        (fault(213, Some("aborted")), 5, "ended-early", "aborted"),
        (fault(213, Some("budget")), 5, "ended-early", "budget"),
        (fault(213, Some("drift")), 5, "ended-early", "by somebody else"),
        (fault(0, Some("target-lost")), 5, "ended-early", "target is gone"),
        (fault(213, Some("lapsed")), 5, "ended-early", "heartbeat"),
        (fault(213, Some("shutdown")), 5, "ended-early", "told to end"),
        (unclean, 1, "failed", "this is left: ifb0"),
    ];
    for (last, code, kind, says) in cases {
        let lines = vec![fault(0, None), last];
        let (got, text) = ending(&injector(&drop_on(&Fake::start(lines.clone(), Then::End, none), &[])));
        assert!(got == code && text.contains(says), "{kind}: {got} {text}");
        let (got, text) = ending(&injector(&drop_on(&Fake::start(lines, Then::End, none), &["--json"])));
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((got, document["kind"].as_str()), (code, Some(kind)));
    }
}

#[test]
fn a_daemon_that_is_lost_is_an_early_end() {
    for (lines, then) in [(vec![fault(0, None)], Then::Cut), (vec![fault(0, None)], Then::End)] {
        let fake = Fake::start(lines, then, none);
        let (code, text) = ending(&injector(&drop_on(&fake, &[])));
        assert!(code == 5 && text.contains("the daemon was lost while drop-7k3 was armed"), "{code}: {text}");
    }
    let error =
        json!({"schema": "injector.error/1", "node": "n", "kind": "failed", "message": "the engine died"});
    let fake = Fake::start(vec![fault(0, None), error], Then::End, none);
    let (code, text) = ending(&injector(&drop_on(&fake, &[])));
    assert!(code == 1 && text.contains("the engine died"), "{code}: {text}");
}

/// Starts it and reads its first line: it is armed then.
fn armed(fake: &Fake, more: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child =
        command(&drop_on(fake, more)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("drop-7k3"), "{line}");
    (child, reader)
}

pub fn kill(child: &Child, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[test]
fn a_signal_stops_the_fault_and_is_exit_130() {
    use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let fake = Fake::start(vec![fault(0, None)], Then::Hold, stopped);
        let (child, reader) = armed(&fake, &[]);
        kill(&child, signal);
        let said: Vec<String> = reader.lines().map(Result::unwrap).collect();
        let output = child.wait_with_output().unwrap();
        let (code, text) = ending(&output);
        assert!(code == 130 && text.contains("stopped by a signal"), "{signal}: {code} {text}");
        assert!(said.iter().any(|line| line.contains("ENDED: it was stopped")), "{said:?}");
        assert!(said.iter().any(|line| line.contains("clean: nothing is left")), "{said:?}");
        assert!(fake.saw("DELETE /v1/faults/drop-7k3 ") && fake.saw("gone"));
    }
}

#[test]
fn the_connection_goes_with_a_killed_command() {
    let fake = Fake::start(vec![fault(0, None)], Then::Hold, none);
    let (child, _reader) = armed(&fake, &["--json"]);
    kill(&child, nix::sys::signal::Signal::SIGKILL);
    assert!(fake.saw("gone"));
    child.wait_with_output().unwrap();
}

#[test]
fn nobody_who_reads_ends_the_fault_and_is_no_failure() {
    let lines = std::iter::repeat_n(fault(213, None), 40).collect();
    let fake = Fake::start(lines, Then::Hold, stopped);
    let (child, reader) = armed(&fake, &[]);
    drop(reader);
    assert_eq!(ending(&child.wait_with_output().unwrap()), (0, String::new()));
    assert!(fake.saw("DELETE /v1/faults/drop-7k3 ") && fake.saw("gone"));
}

#[test]
fn detached_and_refused() {
    let fake = Fake::start(Vec::new(), Then::End, |request| {
        assert!(request.starts_with("POST /v1/faults "), "{request}");
        (200, fault(0, None))
    });
    let output = injector(&drop_on(&fake, &["--detach"]));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()));
    assert!(
        text.starts_with("drop-7k3 ARMED") && !text.contains("Ctrl-C") && text.lines().count() == 1,
        "{text}"
    );

    let fake = Fake::start(Vec::new(), Then::End, |_| {
        let refused = json!({
            "schema": "injector.error/1", "node": "n", "kind": "refused", "message": "a fault of 10m is over",
            "hint": "ask for 5m or less", "limit": "max_ttl", "asked": "10m", "allowed": "5m",
        });
        (403, refused)
    });
    let (code, text) = ending(&injector(&drop_on(&fake, &["--detach", "--for", "10m", "--json"])));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, document["limit"].as_str(), document["allowed"].as_str()),
        (4, Some("max_ttl"), Some("5m"))
    );
}

#[test]
fn status_opens_with_the_halt() {
    let fake = Fake::start(Vec::new(), Then::End, |_| {
        let status = json!({
            "schema": "injector.status/1", "node": "web-14", "disarmed": null, "kernel": "6.12.43",
            "halted": {"by": "anna", "why": "game over", "since": "2026-01-01T14:02:31Z"},
            "mode": "armed", "limits_sha256": "", "pending": [],
            "instance": "00c0ffee", "pid": 4711, "faults": [fault(213, Some("halted"))], "attached": [],
            "lost": {"flows_refused": 3, "flows_no_memory": 0, "dependencies_full": 0, "bad_samples": 0, "cgroups_full": 0,
                     "unattributed": 0, "unparsed": 0},
        });
        (200, status)
    });
    let output = injector(&["status", "--socket", &fake.socket]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()));
    assert!(text.starts_with("HALTED by anna since 2026-01-01T14:02:31Z: game over\n"), "{text}");
    assert!(text.contains("drop-7k3  ENDED") && text.contains("5.06 % [4.43, 5.76], asked 5"), "{text}");
    assert!(text.contains("3 flows over the bound"), "{text}");
}
