//! `injector flows --watch --json` and `injector deps --watch --json` before readers that are fast, slow and gone.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use super::{
    command,
    fake::{Fake, Then},
};

const LOOKS: u64 = 20;
const FLOWS: u64 = 400;

/// The look of second `n`: every flow is another one than before, but for its name.
fn look(n: u64) -> Value {
    let flow = |i: u64| {
        json!({
            "cgroup": "/app", "protocol": "tcp", "local": format!("10.0.0.1:{}", 40_000 + i),
            "remote": "10.0.0.5:5432", "tx_segments": n, "tx_bytes": n, "rx_segments": n, "rx_bytes": n,
            "retransmits": 0, "injected_drops": 0, "injected_delays": 0, "rtt_samples": 0, "sndbuf_used": 0,
            "sndbuf_limit": 1, "sndbuf_peak_percent": 0.0,
        })
    };
    json!({
        "schema": "injector.flows/1", "node": "web-14", "at": format!("second {n}"), "watched": ["/app"],
        // One flow goes with each look.
        "flows": (n..FLOWS).map(flow).collect::<Vec<_>>(), "dependencies": [], "listeners": [],
        "lost": {"flows_refused": n, "flows_no_memory": 0, "dependencies_full": 0, "bad_samples": 0, "cgroups_full": 0,
                 "unattributed": 0, "unparsed": 0},
    })
}

fn watch(fake: &Fake) -> Child {
    command(&["flows", "--watch", "--json", "--socket", &fake.socket])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn nothing(_: &str) -> (u16, Value) {
    (404, json!({}))
}

/// All lines as a reader takes them: the local ends with their bytes, what was missed, the lines, the last time.
fn read(out: ChildStdout) -> (BTreeMap<String, u64>, u64, u64, String) {
    let (mut table, mut missed, mut lines, mut at) = (BTreeMap::new(), 0, 0, String::new());
    for line in BufReader::new(out).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).expect("a whole line");
        let first = lines == 0;
        assert_eq!(line["schema"], if first { "injector.flows/1" } else { "injector.flows-changes/1" });
        let changed = if first { &line["flows"] } else { &line["flows"]["changed"] };
        for row in changed.as_array().unwrap() {
            table.insert(row["local"].as_str().unwrap().to_owned(), row["tx_bytes"].as_u64().unwrap());
        }
        for row in line["flows"]["gone"].as_array().into_iter().flatten() {
            assert!(table.remove(row["local"].as_str().unwrap()).is_some(), "{row} was there");
        }
        missed += line["missed"].as_u64().unwrap_or_default();
        lines += 1;
        at = line["at"].as_str().unwrap().to_owned();
    }
    (table, missed, lines, at)
}

#[test]
fn a_reader_that_stalls_gets_fewer_lines_and_all_that_holds() {
    let fake = Fake::start((0..LOOKS).map(look).collect(), Then::End, nothing);
    let mut child = watch(&fake);
    // A look is larger than the pipe: the first one fills it, and nobody reads until the daemon has said everything.
    assert!(look(0).to_string().len() > 100_000);
    assert!(fake.saw("all lines are sent"), "the daemon was kept waiting by our reader");
    let (table, missed, lines, at) = read(child.stdout.take().unwrap());
    assert_eq!(at, format!("second {}", LOOKS - 1), "the last look always comes");
    let last: BTreeMap<_, _> =
        (LOOKS - 1..FLOWS).map(|i| (format!("10.0.0.1:{}", 40_000 + i), LOOKS - 1)).collect();
    assert_eq!(table, last, "what the lines add up to is what the last look showed");
    assert!(lines >= 2 && lines + missed <= LOOKS, "{lines} lines, {missed} missed");
    // The first line is no difference, so it counts nothing: the looks before it can't be among what was missed.
    assert!(missed >= LOOKS / 2, "{missed} missed in {lines} lines");
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{error}");
    assert!(error.contains("hung up"), "{error}");
}

#[test]
fn a_reader_that_goes_is_an_end_without_a_word() {
    let fake = Fake::start((0..LOOKS).map(look).collect(), Then::Hold, nothing);
    let mut child = watch(&fake);
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("injector.flows/1"), "{first}");
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((child.wait().unwrap().code(), error.as_str()), (Some(0), ""));
}

#[test]
fn flows_are_filtered_sorted_and_cut() {
    let fake = Fake::start(Vec::new(), Then::End, |_| (200, look(1)));
    let words = [
        "flows",
        "--json",
        "--port",
        "40390-40399",
        "--top",
        "3",
        "--sort",
        "bytes",
        "--socket",
        &fake.socket,
    ];
    let output = command(&words).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let locals: Vec<_> =
        document["flows"].as_array().unwrap().iter().map(|row| row["local"].clone()).collect();
    assert_eq!(locals, ["10.0.0.1:40390", "10.0.0.1:40391", "10.0.0.1:40392"]);
}

#[test]
fn dependencies_come_as_differences_too() {
    let deps = |n: u64| {
        let row = |i: u64, bytes: u64| {
            json!({
                "cgroup": "/app", "side": "out", "service": format!("10.0.0.{i}:80"), "protocol": "tcp", "open": 1,
                "ended": 0, "tx_segments": 1, "tx_bytes": bytes, "rx_segments": 1, "rx_bytes": 1, "retransmits": 0,
                "injected_drops": 0, "injected_delays": 0, "rtt_samples": 0,
            })
        };
        json!({"schema": "injector.deps/1", "node": "web-14", "at": format!("second {n}"), "watched": ["/app"],
               "dependencies": [row(1, 5), row(2, n)], "kinds_lost": {
                   "samples": 0, "events": 0, "queries": 0, "sockets": 0, "clock_went_backwards": 0,
                   "drops_unattributed": 0, "drops_injected": 0, "not_measured": []}})
    };
    let directory = tempfile::tempdir().unwrap();
    let go_on = directory.path().join("go-on");
    let lines = vec![deps(1), json!({"after": go_on.to_str()}), deps(2)];
    let fake = Fake::start(lines, Then::End, nothing);
    let mut child = command(&["deps", "--watch", "--json", "--sort", "bytes", "--socket", &fake.socket])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["schema"], "injector.deps/1");
    std::fs::write(&go_on, "").unwrap();
    let last = next();
    assert_eq!(child.wait().unwrap().code(), Some(3), "the daemon hung up");
    assert_eq!((&last["schema"], &last["missed"]), (&json!("injector.deps-changes/1"), &json!(0)));
    let changed = last["dependencies"]["changed"].as_array().unwrap();
    assert_eq!(
        (changed.len(), &changed[0]["service"], &changed[0]["tx_bytes"]),
        (1, &json!("10.0.0.2:80"), &json!(2))
    );
    assert!(last.get("watched").is_none() && last.get("kinds_lost").is_none(), "{last}");
}
