//! Limits that are read again while faults are there.

use super::bench::{DROP, SHADOW, bench, root, with_limits};
use crate::{
    api::types::{EndKind, State},
    session::Command,
};

#[test]
fn a_bad_file_leaves_what_runs_and_lets_nothing_begin() {
    let mut bench = bench();
    let (real, shadow) = (bench.start(DROP).unwrap().id, bench.start(SHADOW).unwrap().id);
    let before = bench.engine.policy.limits.clone();
    let error = bench.reload("mode: armed\nmax_ttl: 5\n").unwrap_err();
    assert!(error.message.contains("line 2"), "{error}");
    assert_eq!(bench.engine.policy.limits, before);
    for _ in 0..3 {
        bench.engine.judge_second();
        bench.engine.tick();
    }
    assert_eq!(bench.engine.find(&real).unwrap().state, State::Armed);
    assert!(bench.start(DROP).unwrap_err().message.contains("nothing can be armed"));
    assert!(bench.engine.arm(&shadow, &root()).unwrap_err().message.contains("nothing can be armed"));
    assert!(bench.ask(&root(), Command::Status).unwrap().disarmed.unwrap().contains("line 2"));
    bench.reload("mode: armed\n").unwrap();
    bench.engine.arm(&shadow, &root()).unwrap();
}

#[test]
fn stricter_limits_end_what_they_refuse() {
    for (limits, says) in [
        ("mode: observe\n", "mode"),
        ("mode: shadow\n", "mode"),
        ("mode: armed\nmax_ttl: 29s\n", "max_ttl"),
        ("mode: armed\nmax_percent: 4\n", "max_percent"),
        ("mode: armed\nbudget: {fault: {packets: 10}}\n", "budget.fault.packets"),
        ("mode: armed\nbudget: {fault: {bytes_per_second: 10}}\n", "budget.fault.bytes_per_second"),
        ("mode: armed\nrequire: [ticket]\n", "ticket"),
        ("mode: armed\nwhen: {zone: UTC, freezes: [{from: 2020-01-01, to: 2099-12-31, why: x}]}\n", "x"),
    ] {
        let mut bench = bench();
        bench.start(DROP).unwrap();
        bench.reload(limits).unwrap();
        let (kind, reason) = bench.end().unwrap();
        assert_eq!(kind, EndKind::Aborted, "{limits}");
        assert!(reason.starts_with("the new limits refuse it: ") && reason.contains(says), "{reason}");
        assert!(bench.is_untouched());
    }
}

/// Without `for` it lives 30 s: not less because the limits of now would give less.
#[test]
fn a_default_time_is_the_time_that_it_has() {
    let mut bench = bench();
    bench.start(r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"]}"#).unwrap();
    bench.reload("mode: armed\nmax_ttl: 10s\n").unwrap();
    assert!(bench.end().unwrap().1.contains("max_ttl"));
}

#[test]
fn a_newly_protected_target_is_let_go() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.reload("mode: armed\nprotect: [\"cgroup:/app\"]\n").unwrap();
    assert!(bench.end().is_some() && bench.is_untouched());
    assert!(bench.fake.with(|state| state.cgroups.values().all(|entry| entry.rules == 0)));
}

#[test]
fn fewer_at_once_leave_as_many() {
    let mut bench = bench();
    for _ in 0..4 {
        bench.start(DROP).unwrap();
    }
    bench.reload("mode: armed\nmax_faults: 3\n").unwrap();
    bench.engine.drain();
    assert_eq!((bench.engine.faults.len(), bench.engine.ended.len()), (3, 1));
}

/// The limits as they were: nothing has changed, however many there were this hour, however lately one ended.
#[test]
fn the_same_limits_end_nothing() {
    let limits = "mode: armed\nmax_faults: 2\nmax_faults_per_hour: 2\ncooldown: 1h\n\
                  budget: {fault: {packets: 100}}\n";
    let mut bench = with_limits(limits);
    let stopped = bench.start(DROP).unwrap().id;
    let shadow = bench.start(SHADOW).unwrap().id;
    bench.engine.end_where(|fault| fault.id == stopped, EndKind::Stopped, "test");
    bench.engine.drain();
    bench.reload(limits).unwrap();
    assert_eq!(bench.engine.find(&shadow).unwrap().state, State::Shadow);
    assert!(bench.engine.faults[0].lives());
    let error = bench.engine.arm(&shadow, &root()).unwrap_err();
    assert_eq!(error.limit.as_deref(), Some("cooldown"), "but it does not begin to act in the cool-down");
}

/// New limits may look at a disk that the old ones did not.
#[test]
fn a_host_condition_that_is_new_is_measured_before_it_judges() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.engine.judge_second();
    std::fs::create_dir_all(bench.host.host.proc.join("../data")).unwrap();
    bench.reload("mode: armed\nhost: {min_free_disk: 0.0001, disks: [/data]}\n").unwrap();
    bench.engine.drain();
    assert!(bench.engine.faults.first().is_some_and(|fault| fault.lives()), "{:?}", bench.end());
}

#[test]
fn a_budget_of_the_node_that_cannot_be_set_ends_all() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.fake.with(|state| state.failing.insert("set_node_budget"));
    bench.reload("mode: armed\nbudget: {node: {packets: 10}}\n").unwrap();
    let (kind, reason) = bench.end().unwrap();
    assert_eq!(kind, EndKind::Aborted);
    assert!(reason.contains("budgets cannot be set"), "{reason}");
}

/// A process moves on, a pattern matches more: what a fault is attached to stays, and is what the limits judge.
#[test]
fn names_that_mean_something_else_by_now_end_nothing() {
    let mut bench = bench();
    let by = |target: &str| format!(r#"{{"kind":"drop","percent":5,"targets":["{target}"],"for":"30s"}}"#);
    bench.host.process(101, "app", "/apps/one");
    bench.host.cgroup("/apps/two");
    let moved = bench.start(&by("pid:100")).unwrap().id;
    let many = bench.start(&by("cgroup:/apps/*")).unwrap().id;
    std::fs::write(bench.host.host.proc.join("100/cgroup"), "0::/init.scope\n").unwrap();
    bench.host.process(102, "sshd", "/apps/three");
    std::fs::remove_dir_all(bench.host.host.cgroup.join("apps/two")).unwrap();
    bench.reload("mode: armed\n").unwrap();
    for id in [&moved, &many] {
        assert_eq!(bench.engine.find(id).unwrap().state, State::Armed, "{id}");
    }
    bench.reload("mode: armed\nprotect: [cgroup:/app]\n").unwrap();
    assert_ne!(bench.engine.find(&moved).unwrap().state, State::Armed);
    assert_eq!(bench.engine.find(&many).unwrap().state, State::Armed);
}
