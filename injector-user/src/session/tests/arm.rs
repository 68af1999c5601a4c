//! Shadows, and how one is made real.

use std::{thread::sleep, time::Duration};

use injector_ebpf::rule::RULE_SHADOW;

use super::bench::{Bench, DELAY, DROP, SHADOW, bench, root, with_limits};
use crate::{
    api::types::{EndKind, State},
    error::Kind,
    limits::Mode,
    session::Command,
    spec::{Percent, Span},
};

fn acts(bench: &Bench) -> bool {
    bench.fake.with(|state| state.rules.values().any(|rule| rule.flags & RULE_SHADOW == 0))
}

#[test]
fn one_write_makes_a_shadow_real() {
    let mut bench = bench();
    let doc = bench.start(SHADOW).unwrap();
    assert_eq!(doc.state, State::Shadow);
    assert!(!acts(&bench));
    assert_eq!(bench.engine.find(&doc.id).unwrap().state, State::Shadow);
    bench.hold_still();
    bench.forget();
    let armed = bench.engine.arm(&doc.id, &root()).unwrap();
    assert_eq!((armed.state, armed.id.as_str(), armed.spec.shadow), (State::Armed, doc.id.as_str(), false));
    assert_eq!(bench.calls(), ["change_rule 0"], "nothing else is done to the kernel");
    assert!(acts(&bench));
    let error = bench.engine.arm(&doc.id, &root()).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    assert!(error.message.contains("is no shadow"), "{error}");
}

#[test]
fn a_shadow_is_not_armed_against_the_limits_of_now() {
    let mut bench = bench();
    let id = bench.start(SHADOW).unwrap().id;
    let refused = |bench: &mut Bench, limit: &str| {
        bench.forget();
        let error = bench.engine.arm(&id, &root()).unwrap_err();
        assert_eq!((error.kind, error.limit.as_deref()), (Kind::Refused, Some(limit)), "{error}");
        assert!(bench.calls().is_empty() && !acts(bench));
        assert_eq!(bench.engine.find(&id).unwrap().state, State::Shadow);
    };
    let good = bench.engine.policy.limits.clone();
    bench.engine.policy.limits.max_percent = Percent::whole(1);
    refused(&mut bench, "max_percent");
    bench.engine.policy.limits = crate::limits::Limits { mode: Mode::Shadow, ..good.clone() };
    refused(&mut bench, "mode");
    bench.engine.policy.limits = crate::limits::Limits { max_ttl: Span::from_secs(29), ..good.clone() };
    refused(&mut bench, "max_ttl");
    bench.engine.policy.limits = good.clone();
    bench.engine.policy.limits.budget.fault.packets = Some(10);
    refused(&mut bench, "budget.fault.packets");
    bench.engine.policy.limits = good;
    bench.engine.arm(&id, &root()).unwrap();
}

/// Without `for` it lives as long as the limits gave it then, not as the limits of now would give.
#[test]
fn a_shadow_that_lives_by_default_does_not_outlive_a_shorter_max_ttl() {
    let mut bench = bench();
    let id =
        bench.start(r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"shadow":true}"#).unwrap().id;
    bench.engine.policy.limits.max_ttl = Span::from_secs(10);
    let error = bench.engine.arm(&id, &root()).unwrap_err();
    assert_eq!(error.limit.as_deref(), Some("max_ttl"), "{error}");
    assert!(!acts(&bench));
}

#[test]
fn a_halted_node_arms_no_shadow() {
    let mut bench = bench();
    let id = bench.start(SHADOW).unwrap().id;
    // Another process's hand, that no tick has seen yet.
    bench.fake.with(|state| state.halted = true);
    bench.hold_still();
    let error = bench.engine.arm(&id, &root()).unwrap_err();
    assert!(error.message.contains("HALTED"), "{error}");
    assert!(!acts(&bench));
    assert_eq!(bench.end().unwrap().0, EndKind::Halted);
    assert!(bench.is_untouched());
}

/// The first of three is over when the second is to be armed: its place in the list is another one then.
#[test]
fn the_shadow_that_was_named_is_armed_and_no_other() {
    let mut bench = bench();
    let short = SHADOW.replace("30s", "1ms");
    let gone = bench.start(&short).unwrap().id;
    let id = bench.start(SHADOW).unwrap().id;
    let other = bench.start(SHADOW).unwrap().id;
    sleep(Duration::from_millis(150));
    let armed = bench.engine.arm(&id, &root()).unwrap();
    assert_eq!((armed.id.as_str(), armed.state), (id.as_str(), State::Armed));
    assert_eq!(bench.engine.find(&other).unwrap().state, State::Shadow);
    let error = bench.engine.arm(&gone, &root()).unwrap_err();
    assert!(error.message.contains("is no shadow"), "{error}");
}

#[test]
fn a_shadow_that_is_over_is_not_brought_back() {
    let mut bench = bench();
    // Its device still holds a packet: it is there, and has ended.
    bench.fake.with(|state| state.held.packets = 1);
    let delay = DELAY.replace("30s", "1ms").replace(r#""for""#, r#""shadow":true,"for""#);
    let id = bench.start(&delay).unwrap().id;
    sleep(Duration::from_millis(150));
    assert!(bench.engine.arm(&id, &root()).unwrap_err().message.contains("is no shadow"));
    assert_eq!(bench.engine.find(&id).unwrap().state, State::Draining);
    assert!(bench.fake.with(|state| state.rules.is_empty()), "no rule is left in its slot");
    bench.fake.with(|state| state.held.packets = 0);
    bench.engine.drain();
    sleep(Duration::from_millis(150));
    assert_eq!(bench.end().unwrap().0, EndKind::Expired);
}

#[test]
fn what_the_kernel_refuses_stays_a_shadow() {
    let mut bench = bench();
    let id = bench.start(SHADOW).unwrap().id;
    bench.fake.with(|state| state.failing.insert("change_rule"));
    assert_eq!(bench.engine.arm(&id, &root()).unwrap_err().kind, Kind::Failed);
    assert_eq!(bench.engine.find(&id).unwrap().state, State::Shadow);
    bench.fake.with(|state| state.failing.clear());
    assert_eq!(bench.engine.arm(&id, &root()).unwrap().state, State::Armed);
}

/// It is one fault, also when it is armed: but of this hour then, not of the one in which it was a shadow.
#[test]
fn an_armed_shadow_is_one_fault_of_the_hour() {
    let mut bench = with_limits("mode: armed\nmax_faults_per_hour: 1\nmax_faults: 1\n");
    let id = bench.start(SHADOW).unwrap().id;
    bench.engine.arm(&id, &root()).unwrap();
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    let error = bench.start(DROP).unwrap_err();
    assert_eq!((error.limit.as_deref(), error.asked.as_deref()), (Some("max_faults_per_hour"), Some("2")));
}

/// What happened while only shadows were there is normal life: the guard compares with the time before a fault acts.
#[test]
fn a_shadow_is_no_fault_to_the_guard() {
    let mut bench = bench();
    let second = |bench: &mut Bench, us: u32| {
        bench.fake.with(|state| state.control.rtt[injector_ebpf::hist::bucket(us)] += 300);
        bench.engine.watch_control();
    };
    for _ in 0..5 {
        second(&mut bench, 2_000);
    }
    let id = bench.start(SHADOW).unwrap().id;
    for _ in 0..60 {
        second(&mut bench, 30_000);
    }
    bench.engine.arm(&id, &root()).unwrap();
    for _ in 0..5 {
        second(&mut bench, 30_000);
    }
    assert_eq!(bench.engine.find(&id).unwrap().state, State::Armed);
    for _ in 0..3 {
        second(&mut bench, 300_000);
    }
    assert_eq!(bench.end().unwrap().0, EndKind::Aborted);
}

#[test]
fn nothing_is_armed_while_the_daemon_ends() {
    let mut bench = bench();
    let id = bench.start(SHADOW).unwrap().id;
    bench.ask(&root(), Command::Shutdown).unwrap();
    assert_eq!(bench.end().unwrap().0, EndKind::Shutdown);
    assert_eq!(bench.engine.arm(&id, &root()).unwrap_err().kind, Kind::Unreachable);
    assert_eq!(bench.start(DROP).unwrap_err().kind, Kind::Unreachable);
    assert!(bench.is_untouched());
}
