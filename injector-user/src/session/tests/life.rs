//! From the first step to the last: in which order, and how a fault ends.

use std::{sync::mpsc, time::Duration};

use super::{
    super::Handle,
    bench::{Bench, DELAY, DROP, bench, root},
};
use crate::{
    api::types::{EndKind, State},
    error::Kind,
    spec::FaultSpec,
};

#[test]
fn the_rule_is_written_after_all_is_attached_and_undone_in_reverse() {
    let mut bench = bench();
    let doc = bench.start(DELAY).unwrap();
    assert_eq!(doc.state, State::Armed);
    let calls = bench.calls();
    let at = |what: &str| {
        calls
            .iter()
            .position(|call| call.starts_with(what))
            .unwrap_or_else(|| panic!("no {what} in {calls:?}"))
    };
    assert!(at("apply Device") < at("apply Redirect"));
    assert!(at("apply Redirect") < at("lease"), "attaching can take longer than a lease");
    assert!(at("lease") < at("deadline 0 30s"));
    assert!(at("deadline 0 30s") < at("set_rule 0"));
    bench.fake.with(|state| state.calls.clear());
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    let calls = bench.calls();
    let at = |what: &str| calls.iter().position(|call| call.starts_with(what)).unwrap();
    assert!(at("deadline 0 0ns") < at("free_rule 0"));
    assert!(at("free_rule 0") < at("undo Redirect"));
    assert!(!calls.iter().any(|call| call.starts_with("undo Device")), "the device drains first");
    bench.engine.drain();
    std::thread::sleep(Duration::from_millis(150));
    bench.engine.drain();
    assert!(bench.calls().iter().any(|call| call.starts_with("undo Device")));
    assert_eq!(bench.engine.ended[0].state, State::Ended);
    assert!(bench.engine.ended[0].clean.as_ref().unwrap().left.is_empty());
}

#[test]
fn a_step_that_fails_leaves_nothing_behind() {
    let mut bench = bench();
    bench.fake.with(|state| state.fail_at = Some(1));
    let error = bench.start(DROP).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert!(bench.calls().iter().any(|call| call.starts_with("undo Egress")));
    assert!(bench.fake.with(|state| state.rules.is_empty()));
    assert!(bench.engine.faults.is_empty());
}

#[test]
fn a_lapsed_lease_ends_everything() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.fake.with(|state| state.lapsed = true);
    bench.engine.tick();
    bench.engine.drain();
    assert_eq!(bench.engine.ended[0].end, Some(EndKind::Lapsed));
}

#[test]
fn a_halt_ends_everything_and_refuses_until_it_is_lifted() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    let (sender, commands) = mpsc::channel();
    let handle = Handle::new(sender);
    let Bench { engine, fake, host: _host, dir: _dir, names: _ } = bench;
    let thread = std::thread::spawn(move || engine.run(&commands));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let status = handle.halt("test".into()).await.unwrap();
        assert_eq!(status.halted.unwrap().why, "test");
        assert_eq!(status.faults[0].end, Some(EndKind::Halted));
        let spec = FaultSpec::from_json(DROP.as_bytes()).unwrap();
        let error = handle.start(spec.clone()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        assert!(error.message.contains("HALTED"), "{error}");
        assert!(fake.with(|state| state.halted));
        handle.lift().await.unwrap();
        let armed = handle.start(spec).await.unwrap();
        let ended = handle.stop(armed.id[..6].to_owned()).await.unwrap();
        assert_eq!((ended.state, ended.end), (State::Ended, Some(EndKind::Stopped)));
        handle.shutdown().await.unwrap();
    });
    thread.join().unwrap();
}

#[test]
fn a_spent_budget_an_expired_time_and_a_lost_target_end_a_fault() {
    let mut bench = bench();
    bench.start(r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"for":"30s","budget":10}"#).unwrap();
    bench.fake.with(|state| state.stats.acted_wire = 10);
    bench.engine.tick();
    assert_eq!(bench.engine.ended[0].end, Some(EndKind::Budget));
    bench.fake.with(|state| state.stats.acted_wire = 0);
    bench.start(r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"for":"1ms"}"#).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    bench.engine.tick();
    assert_eq!(bench.engine.ended[0].end, Some(EndKind::Expired));
    bench.start(DROP).unwrap();
    std::fs::remove_dir_all(bench.engine.host.cgroup.join("app")).unwrap();
    bench.engine.rescan();
    bench.engine.drain();
    assert_eq!(bench.engine.ended[0].end, Some(EndKind::TargetLost));
}

#[test]
fn a_fifth_fault_a_second_name_and_a_bad_limits_file_are_refused() {
    let mut bench = bench();
    for _ in 0..4 {
        bench.start(DROP).unwrap();
    }
    let error = bench.start(DROP).unwrap_err();
    assert_eq!((error.kind, error.limit.as_deref()), (Kind::Refused, Some("max_faults")));
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    let named = r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"name":"mine"}"#;
    assert_eq!(bench.start(named).unwrap().id, "mine");
    assert_eq!(bench.start(named).unwrap_err().kind, Kind::Usage);
    std::fs::write(bench.engine.settings.limits.clone(), "max_ttl: 5\n").unwrap();
    assert!(bench.engine.reload(&root()).is_err());
    assert!(bench.start(DROP).unwrap_err().message.contains("nothing can be armed"));
}

#[test]
fn a_new_child_is_included_and_a_newly_protected_one_is_not() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    let child = bench.host.cgroup("/app/child");
    let login = bench.host.cgroup("/app/login");
    bench.host.process(200, "sshd", "/app/login");
    bench.engine.rescan();
    let known = bench.fake.with(|state| state.cgroups.clone());
    assert_eq!(known.get(&child).map(|entry| entry.rules), Some(1));
    assert_eq!(known.get(&login).map_or(0, |entry| entry.rules), 0);
}

/// Everybody else's round trips become ten times as long: after three such seconds the fault is ended.
#[test]
fn a_hurt_control_group_ends_the_fault() {
    let mut bench = bench();
    let second = |bench: &mut Bench, us: u32| {
        bench.fake.with(|state| {
            state.control.samples += 300;
            state.control.segments += 1000;
            state.control.rtt[injector_ebpf::hist::bucket(us)] += 300;
        });
        bench.engine.watch_control();
    };
    for _ in 0..10 {
        second(&mut bench, 2_000);
    }
    bench.start(DROP).unwrap();
    second(&mut bench, 2_000);
    assert_eq!(bench.engine.faults[0].control_verdict, "ok");
    second(&mut bench, 20_000);
    second(&mut bench, 20_000);
    assert!(bench.engine.faults[0].lives(), "two bad seconds are not enough");
    assert!(bench.engine.faults[0].control_verdict.starts_with("hurt"));
    second(&mut bench, 20_000);
    bench.engine.drain();
    assert_eq!(bench.engine.ended[0].end, Some(EndKind::Aborted));
    assert!(bench.engine.ended[0].end_reason.as_ref().unwrap().contains("control group"));
}
