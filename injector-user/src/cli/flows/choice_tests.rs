use clap::Parser;
use serde_json::json;

use super::{
    super::{idle, millis},
    *,
};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    choice: Choice,
}

fn read(words: &str) -> Result<Chosen, Error> {
    Line::try_parse_from(["x"].into_iter().chain(words.split_whitespace())).unwrap().choice.read()
}

fn flow(
    cgroup: &str,
    protocol: &str,
    local: &str,
    remote: &str,
    p99: Option<u64>,
    bytes: u64,
) -> serde_json::Value {
    json!({
        "cgroup": cgroup, "protocol": protocol, "local": local, "remote": remote, "tx_segments": 1, "tx_bytes": bytes,
        "rx_segments": 1, "rx_bytes": 1, "retransmits": 1000 - bytes, "injected_drops": 0, "injected_delays": 0,
        "rtt_samples": 7, "rtt_p99_us": p99, "rtt_p999_us": p99.map(|us| 100 - us),
        "sndbuf_used": bytes, "sndbuf_limit": 1000, "sndbuf_peak_percent": 0.0,
        "last_seen": format!("2026-01-01T00:00:00.{bytes}Z"),
    })
}

fn sum(cgroup: &str, service: &str, p99: Option<u64>, bytes: u64) -> serde_json::Value {
    json!({
        "cgroup": cgroup, "side": "out", "service": service, "protocol": "tcp", "open": 1, "ended": 0,
        "tx_segments": 1, "tx_bytes": bytes, "rx_segments": 1, "rx_bytes": 1, "retransmits": 1000 - bytes,
        "injected_drops": 0, "injected_delays": 0, "rtt_samples": 7, "rtt_p99_us": p99,
    })
}

fn flows() -> FlowsDoc {
    serde_json::from_value(json!({
        "at": "t", "watched": ["/idle"], "lost": serde_json::to_value(crate::api::types::LostDoc::default()).unwrap(),
        "flows": [
            flow("/app", "tcp", "10.0.0.1:40000", "10.0.0.5:5432", None, 900),
            flow("/app/x", "tcp", "10.0.0.1:80", "10.1.0.9:33000", Some(50), 800),
            flow("/apple", "udp", "[2001:db8::1]:5000", "[2001:db8::2]:53", Some(90), 700),
            flow("/zoo", "udp", "10.0.0.1:999", "*", Some(1), 600),
        ],
        "dependencies": [
            sum("/app", "10.0.0.5:5432", Some(5), 900),
            sum("/app/x", "*:80", Some(50), 800),
            sum("/apple", "[2001:db8::2]:53", None, 700),
        ],
        "listeners": [{"cgroup": "/app/x", "local": "0.0.0.0:80", "accept_queue": 0, "accept_limit": 128}],
        "cgroups": [{"cgroup": "/sum", "rtt_samples": 1}],
        "owners": [{"cgroup": "/sum"}, {"cgroup": "/app"}, {"cgroup": "/app/x"}, {"cgroup": "/apple"}, {"cgroup": "/zoo"}, {"cgroup": "/idle"}],
    }))
    .unwrap()
}

/// The cgroups of what is shown, table by table.
fn shown(words: &str) -> [Vec<String>; 3] {
    let flows = read(words).unwrap().of(flows());
    [
        flows.flows.into_iter().map(|row| row.cgroup).collect(),
        flows.dependencies.into_iter().map(|row| row.cgroup).collect(),
        flows.listeners.into_iter().map(|row| row.cgroup).collect(),
    ]
}

/// The words, and what each table shows.
type Case = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

#[test]
fn rows_are_chosen_by_cgroup_peer_port_and_protocol() {
    assert_eq!(shown("").map(|rows| rows.len()), [4, 3, 1]);
    let cases: [Case; 11] = [
        ("--cgroup /app", &["/app", "/app/x"], &["/app", "/app/x"], &["/app/x"]),
        ("--cgroup /app/", &["/app", "/app/x"], &["/app", "/app/x"], &["/app/x"]),
        ("--cgroup /apple --cgroup /app/x", &["/app/x", "/apple"], &["/app/x", "/apple"], &["/app/x"]),
        ("--cgroup / --protocol udp", &["/apple", "/zoo"], &[], &[]),
        ("--peer 10.0.0.0/8", &["/app", "/app/x"], &["/app"], &[]),
        ("--peer 10.0.0.5:5432", &["/app"], &["/app"], &[]),
        ("--peer 10.0.0.5:80", &[], &[], &[]),
        ("--peer :53 --peer 10.1.0.9", &["/app/x", "/apple"], &["/apple"], &[]),
        ("--port 80", &["/app/x"], &["/app/x"], &["/app/x"]),
        ("--port 50-90", &["/app/x", "/apple"], &["/app/x", "/apple"], &["/app/x"]),
        ("--port 999", &["/zoo"], &[], &[]),
    ];
    for (words, flows, sums, listeners) in cases {
        assert_eq!(shown(words), [flows, sums, listeners].map(<[&str]>::to_vec), "{words}");
    }
}

#[test]
fn owners_are_those_of_what_is_shown() {
    let owners = |words: &str| -> Vec<String> {
        read(words).unwrap().of(flows()).owners.into_iter().map(|owner| owner.cgroup).collect()
    };
    assert_eq!(owners(""), ["/sum", "/app", "/app/x", "/apple", "/zoo", "/idle"]);
    assert_eq!(owners("--cgroup /app"), ["/app", "/app/x"]);
    assert_eq!(owners("--port 80"), ["/app/x", "/idle"], "it is watched");
    assert_eq!(owners("--sort p99 --top 1"), ["/sum", "/app/x", "/apple", "/idle"]);
}

#[test]
fn rows_are_sorted_and_cut() {
    let first = |words: &str| shown(words)[0].clone();
    assert_eq!(first("--sort p99"), ["/apple", "/app/x", "/zoo", "/app"], "what is not known comes last");
    assert_eq!(first("--sort p99.9"), ["/zoo", "/app/x", "/apple", "/app"]);
    assert_eq!(first("--sort retransmits"), ["/zoo", "/apple", "/app/x", "/app"]);
    assert_eq!(first("--sort sndbuf"), ["/app", "/app/x", "/apple", "/zoo"]);
    assert_eq!(first("--sort idle"), ["/zoo", "/apple", "/app/x", "/app"], "seen one after the other");
    assert_eq!(first("--sort peer"), ["/zoo", "/app", "/app/x", "/apple"]);
    assert_eq!(first("--sort samples"), ["/app", "/app/x", "/apple", "/zoo"], "equals stay as they came");
    assert_eq!(shown("--sort p99 --top 1"), [vec!["/apple"], vec!["/app/x"], vec!["/app/x"]]);
    assert_eq!(shown("--cgroup /zoo --top 5").map(|rows| rows.len()), [1, 0, 0]);
}

#[test]
fn what_is_none_is_refused() {
    let cases = [
        ("--sort p98", "--sort: there is no `p98`", "did you mean p9"),
        ("--sort x", "to sort by", "p99, p90"),
        ("--top 0", "--top: `0`", "1 or more"),
        ("--top ten", "--top: `ten`", "1 or more"),
        ("--cgroup app", "--cgroup: `app` is not absolute", "/system.slice"),
        ("--peer db.invalid", "--peer: the name db.invalid cannot be resolved", "10.0.0.0/8"),
        ("--peer 10.0.0.1/8", "host bits", "10.0.0.0/8"),
        ("--port 0", "--port: `0` is not a port", "65535"),
        ("--protocol icmp", "--protocol: flows of `icmp` are not observed", "tcp or udp"),
    ];
    for (words, says, hint) in cases {
        let error = read(words).unwrap_err();
        assert!(
            error.message.contains(says) && error.hint.as_deref().is_some_and(|text| text.contains(hint)),
            "{words}: {error}"
        );
    }
}

#[test]
fn how_long_a_flow_is_idle_is_told_from_the_time_of_the_look() {
    let seen = millis("2026-01-01T00:00:00.900Z");
    assert_eq!(idle(millis("2026-01-01T00:00:03.100Z"), seen), "2.2 s");
    assert_eq!(idle(millis("2026-01-01T00:00:00.899Z"), seen), "0 ms", "seen while it was looked");
    for (now, says) in [
        ("2026-01-01T00:01:00.899Z", "59.9 s"),
        ("2026-01-01T00:01:00.900Z", "1 min"),
        ("2026-01-01T01:00:00.899Z", "59 min"),
        ("2026-01-02T23:59:59Z", "47 h"),
        ("2026-01-04T00:00:01Z", "3 d"),
    ] {
        assert_eq!(idle(millis(now), seen), says, "{now}");
    }
    assert_eq!((idle(None, seen), idle(seen, millis("t"))), ("-".to_owned(), "-".to_owned()));
}
