//! Whole faults: keys that are missing, of another kind, or contradict each other.

use crate::spec::*;

/// Reads `{"kind": KIND, "targets": ["unit:a"]REST}`.
pub(super) fn read(kind: &str, rest: &str) -> Result<FaultSpec, crate::error::Error> {
    let rest = if rest.is_empty() { String::new() } else { format!(",{rest}") };
    FaultSpec::from_json(format!(r#"{{"kind":"{kind}","targets":["unit:a"]{rest}}}"#).as_bytes())
}

#[track_caller]
pub(super) fn says(kind: &str, rest: &str, message: &str) {
    let error = read(kind, rest).unwrap_err();
    assert_eq!(error.kind.exit_code(), 2);
    assert!(
        error.message.starts_with(&format!("the fault can't be read: {message}")),
        "{kind} {rest}: {error}"
    );
}

#[test]
fn of_every_kind() {
    for kind in ["drop", "corrupt", "garble", "duplicate", "reorder", "reset"] {
        says(
            kind,
            "",
            &format!("a {kind} needs `percent` (nothing defaults to 100 %: write a percent such as 5)"),
        );
        says(
            kind,
            r#""flows":5,"every":3"#,
            "`flows` and `every` can't both say how often (leave out `flows` or `every`)",
        );
        says(
            kind,
            r#""percent":5,"errno":"EIO""#,
            &format!("`errno` does not belong to a {kind} (a {kind} has percent, "),
        );
        read(kind, r#""bursts":"1,30""#).unwrap();
    }
    for (rest, message) in [
        (r#""percent":150"#, "150 % is more than all"),
        (r#""flows":0"#, "0 % would never act"),
        (r#""every":1"#, "every 1st packet is all of them (percent 100 says so)"),
        (r#""every":1000001"#, "every 1000001 is out of range (it is 2 to 1000000)"),
        (r#""first":0"#, "`0` would never act"),
        (r#""first":-3"#, "`-3` is not a count"),
        (r#""percent":5,"colour":1"#, "unknown field `colour`"),
        (r#""percent":5,"for":30"#, "`30` has no unit"),
        (r#""percent":5,"for":"0s""#, "a fault of 0s would never act"),
        (r#""percent":5,"budget":0"#, "a budget of 0 would never act"),
        (r#""percent":5,"percent":6"#, "duplicate field `percent`"),
        (r#""flows":5,"ramp":"1%..20%/60s""#, "this drop has no share to raise"),
        (r#""percent":5,"ramp":"1%..20%/60s""#, "the ramp goes up to 20%, and percent is 5%"),
        (
            r#""percent":5,"local_error":true,"direction":"both""#,
            "a local error can't come both: only a sender can be told",
        ),
    ] {
        says("drop", rest, message);
    }
    for json in [r#"{"kind":"drop","percent":5}"#, r#"{"kind":"drop","percent":5,"targets":[]}"#] {
        let error = FaultSpec::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("a drop needs a target (such as unit:nginx.service)"), "{error}");
    }
    says(
        "melt",
        "",
        "`melt` is not a kind of fault (write drop, delay, corrupt, garble, duplicate, reorder, rate, partition, \
         blackhole, reset, refuse, dns, fail)",
    );
    for (json, message) in [
        (r#"{"targets":["unit:a"]}"#, "a fault needs a `kind`"),
        (r#"{"kind":"drop","#, "EOF while parsing"),
        ("[]", "invalid length 0"),
        ("", "EOF while parsing"),
    ] {
        let error = FaultSpec::from_json(json.as_bytes()).unwrap_err();
        assert!(error.message.starts_with(&format!("the fault can't be read: {message}")), "{json}: {error}");
    }
}

#[test]
fn of_delays() {
    const SAME: &str =
        "needs jitter: without it all delays are the same (write a jitter such as 20ms, or leave it out)";
    let measured = |numbers: &str| format!(r#""distribution":[{numbers}{}]"#, r#","9ms""#.repeat(9));
    for (rest, message) in [
        ("", "a delay needs `by` (how much later: such as 80ms)"),
        (r#""by":"0ms""#, "a delay by 0s changes nothing"),
        (
            r#""by":"80ms","jitter":"81ms""#,
            "the jitter 81ms is more than the delay 80ms (a packet can't leave early: write at most 80ms)",
        ),
        (r#""by":"80ms","correlation":25"#, &format!("a correlation {SAME}")),
        (r#""by":"80ms","jitter":"0s","distribution":"normal""#, &format!("a distribution {SAME}")),
        (r#""by":"80ms","in_order":true"#, &format!("to keep packets in order {SAME}")),
        (&format!(r#"{},"correlation":25"#, measured(r#""1ms""#)), "measured latencies have no correlation"),
        (&format!(r#"{},"jitter":"0s""#, measured(r#""1ms""#)), &format!("a measured distribution {SAME}")),
        (r#""by":"80ms","percent":5,"ramp":"1%..5%/60s""#, "this delay has no share to raise"),
        (r#""by":"80ms","rate":"1""#, "`1` has no unit (write 1kbit, 1mbit or 1gbit)"),
        (r#""by":"80ms","rate":"1mbit","burst":"64KiB""#, "`burst` does not belong to a delay"),
    ] {
        says("delay", rest, message);
    }
    let spec = read("delay", &measured(r#""900ms""#)).unwrap();
    let FaultKind::Delay { by, jitter: Some(jitter), .. } = spec.fault else { panic!("{spec:?}") };
    // 9 of 9 ms and one of 900 ms: the deviation is more than the mean, and fits it.
    assert_eq!((by, jitter), (Span::from_micros(98_100), Span::from_micros(267_300)));
    let longest = |rest| read("delay", rest).unwrap().longest_delay().unwrap();
    assert_eq!(longest(r#""by":"80ms","jitter":"20ms""#), Span::from_millis(100));
    assert_eq!(longest(r#""by":"80ms","jitter":"20ms","distribution":"pareto""#), Span::from_millis(160));
}

#[test]
fn of_rates_and_reorders() {
    for (rest, message) in [
        ("", "a rate needs `rate` (how much in a second: such as 10mbit)"),
        (r#""rate":"0mbit""#, "a rate of 0 lets nothing through (that is a partition)"),
        (r#""rate":0"#, "`0` has no unit"),
        (
            r#""rate":"10mbit","percent":5"#,
            "`percent` does not belong to a rate (a rate has rate, burst, queue, ",
        ),
        (
            r#""rate":"10mbit","burst":"1500B""#,
            "with a burst of 1500B no full packet passes (write 1600B or more)",
        ),
        (
            r#""rate":"10mbit","burst":"64KiB","per_flow":true"#,
            "a rate per flow has no burst (leave out the burst, or share the rate)",
        ),
        (r#""rate":"10mbit","ramp":"1%..5%/60s""#, "this rate has no share to raise"),
    ] {
        says("rate", rest, message);
    }
    let rate = read("rate", r#""rate":"8mbit","queue":"1000000B""#).unwrap().fault;
    assert_eq!((rate.percent(), rate.longest_delay(true)), (None, Some(Span::from_secs(1))));
    says("reorder", r#""percent":5,"by":"0s""#, "a reorder by 0s changes nothing");
    let reorder = read("reorder", r#""percent":5"#).unwrap().fault;
    assert_eq!(reorder.longest_delay(true), Some(Span::from_millis(10)));
}

#[test]
fn of_connections() {
    for (kind, rest, message) in [
        (
            "partition",
            r#""percent":5"#,
            "`percent` does not belong to a partition (a partition has direction)",
        ),
        (
            "blackhole",
            r#""protocol":"udp""#,
            "a blackhole can't act on udp (it acts on TCP: leave out the protocol)",
        ),
        ("reset", r#""percent":5,"protocol":"icmp""#, "a reset can't act on icmp"),
        ("refuse", "", "a refuse needs a frequency or `above` (nothing defaults to 100 %"),
        ("refuse", r#""percent":5,"above":100"#, "a refuse can't have both a frequency and `above`"),
        (
            "refuse",
            r#""above":1000001"#,
            "above 1000001 is out of range (it is 1 to 1000000 connections a second)",
        ),
        ("refuse", r#""above":0"#, "`0` would never act"),
        (
            "refuse",
            r#""above":5,"connections":"established""#,
            "a refuse can't act on established connections",
        ),
        ("blackhole", r#""connections":"established""#, "a blackhole can't act on established connections"),
    ] {
        says(kind, rest, message);
    }
    let all = |kind, rest| read(kind, rest).unwrap().fault.percent();
    assert_eq!(all("partition", ""), Some(Percent::ALL));
    assert_eq!(all("blackhole", r#""protocol":"tcp""#), Some(Percent::ALL));
    assert_eq!(all("refuse", r#""above":100"#), Some(Percent::ALL));
    assert_eq!(all("refuse", r#""every":4"#), Some(Percent::whole(25)));
    assert_eq!(read("partition", "").unwrap().fault.direction(), Direction::Both);
    assert_eq!(read("blackhole", "").unwrap().fault.direction(), Direction::Egress);
}

#[test]
fn of_names() {
    const LOST: &str = r#""names":"a.example","answer":"lost","percent":5"#;
    for (rest, message) in [
        (r#""answer":"lost","percent":5"#.to_owned(), "a dns needs `names` (which names are asked for"),
        (r#""names":"a","percent":5"#.into(), "a dns needs `answer` (what becomes of the question: lost"),
        (r#""names":"a","answer":"lost""#.into(), "a dns needs `percent` (nothing defaults"),
        (
            r#""names":["a","b"],"answer":"lost","percent":5"#.into(),
            "a dns has one pattern of names, and 2 were given",
        ),
        (r#""names":"a.*","answer":"lost","percent":5"#.into(), "`a.*` is not a pattern of names"),
        (format!(r#"{LOST},"by":"1s""#), "the answer lost can't come later"),
        (r#""names":"a","answer":"delayed","percent":5"#.into(), "a dns with delayed answers needs `by`"),
        (r#""names":"a","answer":"delayed","by":"0s","percent":5"#.into(), "a delay by 0s changes nothing"),
        (format!(r#"{LOST},"direction":"both""#), "`direction` does not belong to a dns"),
        (format!(r#"{LOST},"protocol":"tcp""#), "a dns can't act on tcp"),
        (format!(r#"{LOST},"connections":"new""#), "questions for names have no connections"),
        (r#""names":"a","answer":"reset","percent":5"#.into(), "the answer reset can't tell names apart"),
        (
            r#""names":"*","answer":"reset","percent":5,"protocol":"udp""#.into(),
            "the answer reset has its protocol",
        ),
        (format!(r#"{LOST},"peer":":5353""#), "a dns can't act on port 5353"),
    ] {
        says("dns", &rest, message);
    }
    read("dns", &format!(r#"{LOST},"peer":"10.0.0.2:53","protocol":"udp""#)).unwrap();
}

#[test]
fn of_which_packets() {
    for (rest, message) in [
        (r#""peer":"10.0.0.5/8""#, "`10.0.0.5/8` has host bits set"),
        (r#""peer":5432"#, "`5432` is not a peer (ports alone are written :5432)"),
        (
            r#""peer":["10.0.0.1:80","10.0.0.2:81"]"#,
            "the peers have port 80 and port 81 (give all of them the same",
        ),
        (r#""peer":["a.example:80-90","b.example"]"#, "the peers have ports 80-90 and all ports"),
        (r#""except":[":80","10.0.0.1",":81"]"#, "what is excepted has port 80 and port 81"),
        (r#""local_port":"90-80""#, "the ports 90-80 are turned round"),
        (r#""protocol":"icmp","local_port":80"#, "icmp has no ports, and 80 was given"),
        (r#""protocol":"icmp","peer":":80-90""#, "icmp has no ports, and 80-90 was given"),
        (r#""protocol":"udp","connections":"new""#, "udp has no new connections"),
        (r#""interface":"a/b""#, "`a/b` is not an interface's name"),
    ] {
        says("drop", &format!(r#""percent":5,{rest}"#), message);
    }
    let spec =
        read("drop", r#""percent":5,"except":["10.0.0.1",":80","b.example:80"],"peer":"a.example:80""#)
            .unwrap();
    assert_eq!(
        (spec.matching.peer_ports(), spec.matching.except_ports()),
        (Some(Ports::one(80)), Some(Ports::one(80)))
    );
}

#[test]
fn as_json() {
    for json in [
        r#"{"targets":["unit:nginx.service"],"kind":"drop","percent":0.25,"direction":"egress","peer":"10.0.0.5:5432","for":"30s","budget":100}"#,
        r#"{"targets":["cgroup:/a"],"kind":"delay","by":"80ms","jitter":"20ms","distribution":"normal","in_order":true,"every":10,"direction":"ingress","peer":["10.0.0.0/8","db.internal"],"except":":80-90","local_port":"5432","protocol":"tcp","connections":"new","interface":"eth0"}"#,
        r#"{"targets":["cgroup:/a"],"kind":"rate","rate":"10mbit","burst":"32KiB","queue":"256KiB","direction":"both"}"#,
        r#"{"targets":["cgroup:/a"],"kind":"refuse","above":100,"direction":"egress"}"#,
        r#"{"targets":["cgroup:/a"],"kind":"dns","names":"*.example.com","answer":"delayed","by":"2s","bursts":"1%,30%"}"#,
        r#"{"targets":["cgroup:/a"],"kind":"fail","syscall":"@disk","outcome":"EIO=70,ENOSPC=30","percent":1,"seed":"7"}"#,
        r#"{"targets":["cgroup:/a"],"kind":"fail","syscall":"read","short":"0","per_second":5}"#,
        r#"{"targets":["cgroup:/a"],"kind":"fail","syscall":"open","errno":"EIO","after":9,"path":"/a"}"#,
    ] {
        let spec = FaultSpec::from_json(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), json);
    }
    let spec = read("drop", r#""percent":0.25"#).unwrap();
    assert_eq!((spec.fault.verb(), spec.fault.is_network()), ("drop", true));
    assert_eq!(spec.fault.percent(), Some("0.25".parse().unwrap()));
}
