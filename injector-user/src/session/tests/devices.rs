//! What a device of ours loses, and how long it is waited for.

use std::time::Duration;

use injector_ebpf::rule::RuleStats;

use super::bench::{DELAY, bench};
use crate::api::types::EndKind;

const RATE: &str = r#"{"kind":"rate","rate":"1mbit","targets":["cgroup:/app"],"for":"30s"}"#;
const RATED: [(&str, &str); 3] = [
    (RATE, "shared"),
    (r#"{"kind":"rate","rate":"1mbit","per_flow":true,"targets":["cgroup:/app"],"for":"30s"}"#, "per flow"),
    (r#"{"kind":"delay","by":"50ms","rate":"1mbit","targets":["cgroup:/app"],"for":"30s"}"#, "delay"),
];

/// What is over a rate is lost: that is the fault. A plain delay that loses does more than was asked.
#[test]
fn only_a_rate_may_lose_packets() {
    let lose = |spec: &str| {
        let mut bench = bench();
        bench.start(spec).unwrap();
        bench.fake.with(|state| {
            state.held.tail_drops = 70;
            state.stats = RuleStats { matched: 100, acted: 100, ..RuleStats::ZERO };
        });
        bench.engine.judge_second();
        let fault = &bench.engine.faults[0];
        (fault.end.as_ref().map(|end| (end.kind, end.reason.clone())), fault.tail_drops)
    };
    for (spec, name) in RATED {
        let (end, lost) = lose(spec);
        assert!(end.is_none() && lost > 0, "{name}: {end:?}, {lost} lost");
    }
    let (end, lost) = lose(DELAY);
    let (kind, why) = end.unwrap();
    assert!(kind == EndKind::Aborted && why.contains("packets were lost") && lost > 0, "{why}");
}

/// The default queue of 66,000 bytes (lo is among the interfaces) takes 528 ms.
#[test]
fn what_waits_for_a_rate_is_waited_for() {
    let mut bench = bench();
    let id = bench.start(RATE).unwrap().id;
    bench.fake.with(|state| state.held.packets = 1);
    let index = bench.engine.faults.iter().position(|fault| fault.id == id).unwrap();
    bench.engine.end(index, EndKind::Stopped, "test");
    let end = bench.engine.faults[index].end.as_ref().unwrap();
    assert_eq!(end.drain_until - end.begun, Duration::from_millis(1_528));
}
