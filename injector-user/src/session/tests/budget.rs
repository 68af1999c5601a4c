//! Budgets: what the kernel is told, and what ends when one is spent.

use super::bench::{DROP, SHADOW, bench, with_limits};
use crate::{api::types::EndKind, error::Kind, limits::Budget};

const LIMITS: &str = "mode: armed\nbudget:\n  fault: {packets: 100, bytes: 5000, packets_per_second: 10, calls: 7}\n  \
                      node: {packets: 1000}\n";

#[test]
fn the_kernel_gets_the_limits_budget_and_the_requests_own() {
    let mut bench = with_limits(LIMITS);
    assert_eq!(
        bench.fake.with(|state| state.node_budget),
        Budget { packets: Some(1000), ..Budget::default() }
    );
    let of_limits =
        Budget { packets: Some(100), bytes: Some(5000), packets_per_second: Some(10), ..Budget::default() };
    bench.start(DROP).unwrap();
    assert_eq!(bench.fake.with(|state| state.budget), of_limits);
    bench.start(&DROP.replace(r#""for""#, r#""budget":10,"for""#)).unwrap();
    assert_eq!(bench.fake.with(|state| state.budget), Budget { packets: Some(10), ..of_limits });
    let error = bench.start(&DROP.replace(r#""for""#, r#""budget":101,"for""#)).unwrap_err();
    assert_eq!(
        (error.kind, error.limit.as_deref(), error.allowed.as_deref()),
        (Kind::Refused, Some("budget.fault.packets"), Some("100"))
    );
    bench
        .start(r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":5,"targets":["cgroup:/app"]}"#)
        .unwrap();
    assert_eq!(bench.fake.with(|state| state.budget), Budget { calls: Some(7), ..Budget::default() });
}

#[test]
fn a_budget_is_set_before_the_rule() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    let calls = bench.calls();
    let at = |what: &str| calls.iter().position(|call| call == what).unwrap();
    assert!(at("set_budget 0") < at("set_rule 0"));
}

#[test]
fn each_spent_budget_ends_its_fault_and_says_which() {
    for (packets, bytes, refused, says) in
        [(100, 0, 0, "budget of 100 "), (0, 5000, 0, "5000 bytes"), (99, 4999, 1, "less than one packet")]
    {
        let mut bench = with_limits(LIMITS);
        bench.start(DROP).unwrap();
        bench.fake.with(|state| {
            state.stats.acted_wire = packets;
            state.stats.acted_bytes = bytes;
            state.stats.passed_budget = refused;
        });
        bench.tick();
        let (kind, reason) = bench.end().unwrap();
        assert_eq!(kind, EndKind::Budget);
        assert!(reason.contains(says), "{reason}");
    }
}

/// The node's budget is everybody's: all that act end, and each is told why.
#[test]
fn the_nodes_budget_ends_all_that_act() {
    let mut bench = with_limits(LIMITS);
    bench.start(DROP).unwrap();
    bench.start(DROP).unwrap();
    let shadow = bench.start(SHADOW).unwrap().id;
    bench.tick();
    assert_eq!(bench.engine.faults.len(), 3);
    bench.fake.with(|state| {
        state.node_refusals = 1;
        // A program counts it as its own rule's, too.
        state.stats.passed_budget = 1;
    });
    bench.engine.faults.iter_mut().for_each(|fault| fault.stats = injector_ebpf::rule::RuleStats::ZERO);
    bench.tick();
    bench.engine.drain();
    assert_eq!(bench.engine.ended.len(), 3, "the fake counts for the shadow as well");
    for doc in bench.engine.ended.iter().filter(|doc| doc.id != shadow) {
        assert_eq!(doc.end, Some(EndKind::Budget));
        assert!(doc.end_reason.as_ref().unwrap().contains("node's budget"), "{:?}", doc.end_reason);
    }
}

#[test]
fn the_nodes_budget_leaves_shadows_and_is_told_once() {
    let mut bench = with_limits(LIMITS);
    let shadow = bench.start(SHADOW).unwrap().id;
    bench.fake.with(|state| state.node_refusals = 1);
    bench.tick();
    assert_eq!(bench.engine.faults[0].id, shadow);
    let id = bench.start(DROP).unwrap().id;
    bench.tick();
    assert!(
        bench.engine.faults.iter().any(|fault| fault.id == id && fault.lives()),
        "what was refused before it"
    );
}
