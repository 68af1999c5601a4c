//! Faults of the network: what of their packets is protected, and how much each kind counts as.

use super::*;

/// `{"kind": KIND, "targets": ["unit:nginx"]REST}` under the limits that hold without a file.
fn ask(kind: &str, rest: &str) -> Result<Allowed, Error> {
    let json = format!(r#"{{"kind":"{kind}","targets":["unit:nginx"],{rest}}}"#);
    verdict(&host(), &Limits::default(), 0, &json)
}

#[track_caller]
fn refused(kind: &str, rest: &str, message: &str) {
    let error = ask(kind, rest).unwrap_err();
    assert_eq!((error.kind.exit_code(), error.message.as_str()), (4, message), "{error}");
}

#[test]
fn every_peer_and_the_own_port_are_looked_at() {
    const SSH: &str = "is protected: it is the port of ssh";
    refused(
        "drop",
        r#""percent":5,"peer":["10.0.0.1:22","a.example:22"]"#,
        &format!("port 22 of the peer 10.0.0.1:22 {SSH}"),
    );
    refused(
        "drop",
        r#""percent":5,"peer":"a.example:22""#,
        &format!("port 22 of the peer a.example:22 {SSH}"),
    );
    refused("drop", r#""percent":5,"local_port":22"#, &format!("port 22 of the target {SSH}"));
    refused(
        "drop",
        r#""percent":5,"peer":["10.0.0.1","192.0.2.1"]"#,
        "the peer 192.0.2.1 is inside 192.0.2.1, which is protected: it is the default gateway",
    );
    let limits = Limits { protect: vec!["interface:eth1".parse().unwrap()], ..Limits::default() };
    let through = |name: &str| {
        let json = format!(r#"{{"kind":"drop","targets":["unit:nginx"],"percent":5,"interface":"{name}"}}"#);
        verdict(&host(), &limits, 0, &json)
    };
    let error = through("eth1").unwrap_err();
    assert_eq!(error.message, "the interface eth1 is protected: the limits file protects it");
    through("eth10").unwrap();
    // What only holds something protected passes: the programs spare that. So does what spares it by itself.
    for rest in [
        r#""peer":":1-1024""#,
        r#""local_port":"22-80""#,
        r#""except":":22""#,
        r#""except":"192.0.2.1""#,
        r#""peer":"a.example:80""#,
    ] {
        ask("drop", &format!(r#""percent":5,{rest}"#)).unwrap();
    }
}

#[test]
fn questions_for_names_may_be_faulted_as_such_only() {
    const LOST: &str = r#""names":"*","answer":"lost","percent":5"#;
    ask("dns", LOST).unwrap();
    ask("dns", &format!(r#"{LOST},"peer":"10.0.0.2:53""#)).unwrap();
    refused(
        "drop",
        r#""percent":5,"peer":":53""#,
        "port 53 of the peer :53 is protected: it is the port of DNS",
    );
    refused(
        "dns",
        &format!(r#"{LOST},"local_port":53"#),
        "port 53 of the target is protected: it is the port of DNS",
    );
    refused(
        "dns",
        &format!(r#"{LOST},"peer":"192.0.2.1""#),
        "the peer 192.0.2.1 is inside 192.0.2.1, which is protected: it is the default gateway",
    );
}

#[test]
fn a_kind_counts_as_the_share_that_it_takes() {
    for (kind, rest, share) in [
        ("drop", r#""flows":20.5"#, "20.5%"),
        ("corrupt", r#""bursts":"10%,30%""#, "25%"),
        ("duplicate", r#""every":4"#, "25%"),
        ("reorder", r#""percent":21"#, "21%"),
        ("delay", r#""by":"1ms","flows":30"#, "30%"),
        ("dns", r#""names":"*","answer":"empty","percent":50"#, "50%"),
        ("partition", r#""peer":"10.0.0.1""#, "100%"),
        ("blackhole", r#""peer":"10.0.0.1""#, "100%"),
        ("refuse", r#""above":10"#, "100%"),
        ("reset", r#""first":1"#, "100%"),
    ] {
        refused(kind, rest, &format!("a share of {share} is over this node's max_percent of 20%"));
        let hint = ask(kind, rest).unwrap_err().hint.unwrap();
        let no_less = ["partition", "blackhole", "refuse", "reset"].contains(&kind);
        assert_eq!(hint.contains("would have to be 100"), no_less, "{kind}: {hint}");
    }
    for (kind, rest) in [("rate", r#""rate":"1mbit""#), ("delay", r#""by":"1ms""#), ("drop", r#""every":5"#)]
    {
        ask(kind, rest).unwrap();
    }
}

#[test]
fn whatever_holds_packets_is_a_delay() {
    for (kind, rest, longest) in [
        ("delay", r#""by":"1s","jitter":"500ms","distribution":"normal""#, "3s"),
        ("reorder", r#""percent":5,"by":"3s""#, "3s"),
        ("dns", r#""names":"*","answer":"delayed","by":"3s","percent":5"#, "3s"),
    ] {
        refused(
            kind,
            rest,
            &format!("a delay (with its jitter) of {longest} is over this node's max_delay of 2s"),
        );
    }
    ask("rate", r#""rate":"8mbit","queue":"2000000B""#).unwrap();
}

/// With the queue that is chosen unless one is given, too; and it is said what would be right.
#[test]
fn what_waits_for_a_rate_is_held() {
    for (kind, rest, message, hint) in [
        (
            "rate",
            r#""rate":"8mbit","queue":"4000000B""#,
            "a wait for the rate of up to 4s",
            "ask for a queue of 2000000B or less",
        ),
        (
            "rate",
            r#""rate":"128kbit""#,
            "a wait for the rate of up to 4s125ms",
            "the queue has room for one of lo's packets of 64 KiB: ask for 264kbit or more, or for an interface that \
             is not lo and 64kbit or more",
        ),
        (
            "rate",
            r#""rate":"32kbit","interface":"eth0""#,
            "a wait for the rate of up to 4s",
            "ask for 64kbit or more",
        ),
        (
            "rate",
            r#""rate":"32kbit","per_flow":true"#,
            "a wait for the rate of up to 4s",
            "ask for 64kbit or more, or for a queue of 8000B or less",
        ),
        (
            "delay",
            r#""by":"1s","jitter":"1s","rate":"1mbit""#,
            "a delay (with its jitter and the wait for its rate) of 2s200ms",
            "200ms of it is what may wait for 1mbit: ask for a shorter delay, or a higher rate",
        ),
    ] {
        refused(kind, rest, &format!("{message} is over this node's max_delay of 2s"));
        assert_eq!(ask(kind, rest).unwrap_err().hint.unwrap(), hint, "{kind} {rest}");
    }
    for rest in [
        r#""rate":"264kbit""#,
        r#""rate":"64kbit","interface":"eth0""#,
        r#""rate":"64kbit","per_flow":true"#,
        r#""rate":"8kbit","queue":"2000B""#,
    ] {
        ask("rate", rest).unwrap();
    }
    ask("delay", r#""by":"150ms","rate":"768kbit""#).unwrap();
    // No rate has a shorter default.
    let short = Limits { max_delay: crate::spec::Span::from_millis(100), ..Limits::default() };
    let json = r#"{"kind":"rate","targets":["unit:nginx"],"rate":"1gbit"}"#;
    let hint = verdict(&host(), &short, 0, json).unwrap_err().hint.unwrap();
    assert_eq!(hint, "ask for a queue of 12500000B or less");
}
