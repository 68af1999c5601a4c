//! Profiles: those that there are, and several faults as one before a fake daemon.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
};

use serde_json::{Value, json};

use super::{
    command, ending,
    fake::{Fake, Then, fault},
    foreground::kill,
    injector,
};

/// A configuration whose profiles are these files.
fn with(files: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let profiles = directory.path().join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    for (name, text) in files {
        std::fs::write(profiles.join(name), text).unwrap();
    }
    let config = directory.path().join("config.yaml");
    std::fs::write(&config, format!("profiles: {}\n", profiles.display())).unwrap();
    let config = config.display().to_string();
    (directory, config)
}

const OWN: &str = "name: satellite\nabout: one of our own\nsource: us\nfaults:\n  - {kind: partition}\n";

#[test]
fn listed_and_shown_without_a_daemon() {
    let (_directory, config) = with(&[("mine.yaml", OWN), ("notes.txt", "not a profile")]);
    let output = injector(&["profile", "list", "--config", &config]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()));
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let known = [
        "NAME",
        "3g",
        "brownout",
        "cloud-normal",
        "cross-az",
        "cross-region",
        "flaky-dns",
        "lossy-wifi",
        "satellite",
    ];
    assert_eq!(names, known);
    assert_eq!(rows[1][1..5], ["delay,", "delay", "built", "in"]);
    let own = &rows[8];
    assert!(own[1] == "partition" && own[2].ends_with("mine.yaml"), "one's own takes the place: {own:?}");

    let output = injector(&["profile", "show", "cross-az", "--config", &config]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/cross-az.yaml");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), std::fs::read_to_string(file).unwrap());
}

#[test]
fn wrong_files_say_which_and_where() {
    let (_directory, config) = with(&[("a.yaml", &OWN.replace("kind", "knid"))]);
    let (code, text) = ending(&injector(&["profile", "list", "--config", &config]));
    assert!(code == 2 && text.contains("a.yaml is wrong") && text.contains("line 5"), "{code}: {text}");
    let (_directory, config) = with(&[("a.yaml", OWN), ("b.yaml", OWN)]);
    let (code, text) = ending(&injector(&["profile", "list", "--config", &config]));
    assert!(code == 2 && text.contains("satellite is there twice"), "{code}: {text}");
}

/// `injector profile run satellite`: two faults.
fn satellite<'a>(fake: &'a Fake, config: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = ["profile", "run", "satellite", "--target", "unit:nginx", "--config", config];
    [&words, &["--socket", fake.socket.as_str()][..], more].concat()
}

/// What is asked before anything is started: plans that fit, and a node without faults.
fn asked_before(request: &str) -> Option<(u16, Value)> {
    if request.starts_with("POST /v1/plan ") {
        return Some((200, plan(1, &[])));
    }
    request.starts_with("GET /v1/status ").then(|| (200, status(&[])))
}

/// A fault's plan where so many would be armed with it, of at most 2; it is over these soft limits.
fn plan(armed: usize, soft: &[&str]) -> Value {
    let soft: Vec<Value> =
        soft.iter().map(|limit| json!({"limit": limit, "asked": "5%", "allowed": "1%"})).collect();
    json!({
        "schema": "injector.plan/1", "node": "web-14", "summary": "5 % egress loss, nginx.service",
        "spec": {"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "for": "30s"}, "ttl_ms": 30_000,
        "limits": [{"limit": "max_faults", "asked": armed.to_string(), "allowed": "2"}], "cgroups": [],
        "processes": [], "flows": 0, "elsewhere": 0, "worst_case": [], "needs_approval": soft, "steps": [],
        "leaves_behind": [], "warnings": [],
    })
}

fn status(faults: &[Value]) -> Value {
    json!({
        "schema": "injector.status/1", "node": "web-14", "halted": null, "disarmed": null, "mode": "armed",
        "limits_sha256": "", "pending": [], "kernel": "6.12", "instance": "00000001", "pid": 1, "faults": faults,
        "attached": [], "lost": {
            "flows_refused": 0, "flows_no_memory": 0, "dependencies_full": 0, "bad_samples": 0, "cgroups_full": 0,
            "unattributed": 0, "unparsed": 0,
        },
    })
}

fn refused(request: &str) -> (u16, Value) {
    if let Some(answer) = asked_before(request) {
        return answer;
    }
    if request.starts_with("DELETE ") {
        return (200, fault(213, Some("stopped")));
    }
    let error =
        json!({"schema": "injector.error/1", "node": "n", "kind": "refused", "message": "one too many"});
    (403, error)
}

fn none(request: &str) -> (u16, Value) {
    asked_before(request).unwrap_or_else(|| panic!("nothing else is asked: {request}"))
}

#[test]
fn all_that_ran_their_time_are_exit_0() {
    let (_directory, config) = with(&[]);
    let lines = vec![fault(0, None), fault(213, None), fault(220, Some("expired"))];
    let fake = Fake::start(lines, Then::End, none);
    let output = injector(&satellite(&fake, &config, &["--for", "30s"]));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()), "{text}");
    for (what, times) in [("drop-7k3 ARMED", 2), ("drop-7k3        matched", 2), ("its time was over", 2)] {
        assert_eq!(text.matches(what).count(), times, "{what}: {text}");
    }
}

#[test]
fn a_refused_one_stops_those_before_it() {
    let (_directory, config) = with(&[]);
    let fake = Fake::attaching(1, vec![fault(0, None)], Then::Hold, refused);
    let (code, text) = ending(&injector(&satellite(&fake, &config, &[])));
    assert!(code == 4 && text.contains("one too many"), "{code}: {text}");
    assert!(fake.saw("DELETE /v1/faults/drop-7k3 ") && fake.saw("gone"));

    let fake = Fake::start(Vec::new(), Then::End, refused);
    let output = injector(&satellite(&fake, &config, &["--detach"]));
    assert_eq!((ending(&output).0, output.stdout.len()), (4, 0));
}

#[test]
fn detached_ones_are_all_told() {
    let (_directory, config) = with(&[]);
    let fake = Fake::start(Vec::new(), Then::End, |request| {
        asked_before(request).unwrap_or_else(|| (200, fault(0, None)))
    });
    let output = injector(&satellite(&fake, &config, &["--detach"]));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()));
    assert_eq!(text.matches("drop-7k3 ARMED").count(), 2, "{text}");
}

#[test]
fn one_that_ends_early_stops_the_others() {
    let (_directory, config) = with(&[]);
    let lines = vec![fault(0, None), fault(213, Some("aborted"))];
    let fake = Fake::start(lines, Then::Hold, refused);
    let (code, text) = ending(&injector(&satellite(&fake, &config, &[])));
    assert!(code == 5 && text.contains("aborted"), "{code}: {text}");
    assert!(fake.saw("DELETE /v1/faults/drop-7k3 "));
}

#[test]
fn a_signal_ends_all() {
    let (_directory, config) = with(&[]);
    let fake = Fake::start(vec![fault(0, None)], Then::Hold, refused);
    let words = satellite(&fake, &config, &[]);
    let mut child = command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains("ARMED"), "{line}");
    }
    kill(&child, nix::sys::signal::Signal::SIGINT);
    let said: Vec<String> = reader.lines().map(Result::unwrap).collect();
    let (code, text) = ending(&child.wait_with_output().unwrap());
    assert!(code == 130 && text.contains("stopped by a signal"), "{code}: {text}");
    assert_eq!(said.iter().filter(|line| line.contains("ENDED: it was stopped")).count(), 2, "{said:?}");
    assert!(fake.saw("gone"));
}

/// Whether it refused before anything was started, as a run, detached and dry; gives what the dry run said.
fn refuses_whole(answer: fn(&str) -> (u16, Value), code: i32, says: &str) -> String {
    let (_directory, config) = with(&[]);
    let mut dry = String::new();
    for more in [&["--name", "db"][..], &["--name", "db", "--detach"], &["--name", "db", "--dry-run"]] {
        let fake = Fake::start(vec![fault(0, None)], Then::End, answer);
        let output = injector(&satellite(&fake, &config, more));
        let (got, text) = ending(&output);
        assert!(got == code && text.contains(says), "{more:?}: {got}: {text}");
        let begun = fake.requests().into_iter().filter(|one| one.starts_with("POST /v1/faults")).count();
        assert_eq!(begun, 0, "{more:?}: {:?}", fake.requests());
        dry = String::from_utf8(output.stdout).unwrap();
    }
    dry
}

#[test]
fn all_are_planned_before_the_first_is_started() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PLANS: AtomicUsize = AtomicUsize::new(0);
    let dry = refuses_whole(
        |request| match PLANS.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => (200, plan(1, &[])),
            _ => {
                assert!(request.starts_with("POST /v1/plan "), "{request}");
                let error = json!({"schema": "injector.error/1", "node": "n", "kind": "refused",
                                   "message": "one too many"});
                (403, error)
            }
        },
        4,
        "fault 2 of 2 (drop): one too many",
    );
    assert_eq!(dry.matches("PLAN for web-14").count(), 1, "{dry}");
}

#[test]
fn what_needs_a_second_person_is_refused_whole() {
    let answer = |request: &str| match request.starts_with("POST /v1/plan ") {
        true => (200, plan(1, &["soft.percent"])),
        false => none(request),
    };
    let dry = refuses_whole(answer, 4, "injector profile show NAME");
    assert_eq!(dry.matches("needs a second person's approval").count(), 2, "{dry}");
}

#[test]
fn more_than_the_node_has_room_for_are_refused_whole() {
    let over = |request: &str| match request.starts_with("POST /v1/plan ") {
        true => (200, plan(2, &[])),
        false => none(request),
    };
    let dry = refuses_whole(over, 4, "its 2 faults would make 3, over this node's max_faults of 2");
    assert_eq!(dry.matches("PLAN for web-14").count(), 2, "{dry}");
    let full = |request: &str| match request.starts_with("GET /v1/status ") {
        true => (200, status(&vec![fault(0, None); 15])),
        false => none(request),
    };
    refuses_whole(full, 4, "17 of at most 16");
    let taken = |request: &str| match request.starts_with("GET /v1/status ") {
        true => {
            let mut there = fault(0, None);
            there["id"] = "db-2".into();
            (200, status(&[there]))
        }
        false => none(request),
    };
    refuses_whole(taken, 2, "db-2 is there already");
}

/// The second one's answer is waited for: only with it is its ID known.
#[test]
fn a_signal_between_two_detached_ones_stops_what_has_begun() {
    use std::sync::{Condvar, Mutex};
    static SIGNALLED: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    let (_directory, config) = with(&[]);
    let fake = Fake::start(Vec::new(), Then::End, |request| {
        if request.starts_with("DELETE ") {
            return (200, fault(213, Some("stopped")));
        }
        if request.starts_with("POST /v1/faults ") {
            let guard = SIGNALLED.0.lock().unwrap();
            drop(SIGNALLED.1.wait_while(guard, |signalled| !*signalled).unwrap());
            return (200, fault(0, None));
        }
        none(request)
    });
    let words = satellite(&fake, &config, &["--detach"]);
    let child = command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(fake.saw("POST /v1/faults "));
    kill(&child, nix::sys::signal::Signal::SIGINT);
    // The signal goes before the answer.
    std::thread::sleep(std::time::Duration::from_millis(200));
    *SIGNALLED.0.lock().unwrap() = true;
    SIGNALLED.1.notify_all();
    let output = child.wait_with_output().unwrap();
    let (code, text) = ending(&output);
    assert!(code == 130 && text.contains("interrupted before all were armed"), "{code}: {text}");
    assert!(output.stdout.is_empty());
    let seen = fake.requests();
    let count = |what: &str| seen.iter().filter(|one| one.starts_with(what)).count();
    assert_eq!(count("DELETE /v1/faults/drop-7k3 "), count("POST /v1/faults "), "{seen:?}");
}
