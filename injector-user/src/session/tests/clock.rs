//! The wall clock, which anybody may set, and the host's own state.

use std::{
    cell::Cell,
    fs,
    thread::sleep,
    time::{Duration, SystemTime},
};

use super::bench::{Bench, DROP, SHADOW, root, with_limits};
use crate::api::types::{EndKind, State};

const HOUR: i64 = 3600;
const ALWAYS: &str =
    "mode: armed\nwhen: {zone: UTC, windows: [{days: [mon..sun], from: \"00:00\", to: \"24:00\"}]}\n";

thread_local! {
    /// By how many seconds the clock of this test was set.
    static SET: Cell<i64> = const { Cell::new(0) };
}

fn wall() -> SystemTime {
    let by = Duration::from_secs(SET.get().unsigned_abs());
    if SET.get() < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
}

fn node(limits: &str) -> Bench {
    SET.set(0);
    let mut bench = with_limits(limits);
    bench.engine.policy.wall = wall;
    bench.start(DROP).unwrap();
    bench.engine.judge_second();
    bench
}

#[test]
fn a_clock_that_jumps_ends_faults_where_time_windows_hold() {
    for by in [HOUR, -HOUR] {
        let mut bench = node(ALWAYS);
        assert!(bench.engine.faults[0].lives());
        SET.set(by);
        bench.engine.judge_second();
        let (kind, reason) = bench.end().unwrap();
        assert_eq!(kind, EndKind::Aborted);
        assert!(reason.contains("the wall clock was set by 3"), "{reason}");
        for _ in 0..3 {
            let error = bench.start(DROP).unwrap_err();
            assert_eq!(error.limit.as_deref(), Some("when"), "{error}");
            bench.engine.judge_second();
        }
        assert!(bench.is_untouched());
        bench.engine.reload(&root()).unwrap();
        bench.start(DROP).unwrap();
        bench.engine.judge_second();
        assert!(bench.engine.faults[0].lives(), "the clock as it is now is the one that was meant");
    }
}

/// Not only at the next second: set the clock and ask at once.
#[test]
fn a_request_just_after_the_jump_is_refused() {
    let mut bench = node(ALWAYS);
    SET.set(HOUR);
    bench.hold_still();
    assert_eq!(bench.start(SHADOW).unwrap_err().limit.as_deref(), Some("when"));
    bench.engine.judge_second();
    assert_eq!(bench.end().unwrap().0, EndKind::Aborted, "and what runs is still ended");
}

#[test]
fn a_small_step_is_no_jump() {
    let mut bench = node(ALWAYS);
    for step in 1..=5 {
        SET.set(step * 10);
        bench.engine.judge_second();
    }
    assert!(bench.engine.faults[0].lives());
}

#[test]
fn without_time_windows_the_wall_clock_is_nobodys_business() {
    for by in [HOUR, -HOUR] {
        let mut bench = node("mode: armed\n");
        let id = bench.engine.faults[0].id.clone();
        let left = bench.engine.find(&id).unwrap().left_ms;
        SET.set(by);
        bench.engine.judge_second();
        bench.tick();
        let now = bench.engine.find(&id).unwrap();
        assert_eq!(now.state, State::Armed);
        assert!(now.left_ms <= left && now.left_ms > 0, "{} of {left} ms", now.left_ms);
        bench.start(DROP).unwrap();
    }
}

#[test]
fn a_fault_ends_by_the_clock_since_boot() {
    let mut bench = node("mode: armed\n");
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.start(&DROP.replace("30s", "50ms")).unwrap();
    SET.set(-HOUR);
    sleep(Duration::from_millis(60));
    bench.tick();
    assert_eq!(bench.end().unwrap().0, EndKind::Expired);
}

fn load(bench: &Bench, load: &str) {
    fs::write(bench.host.host.proc.join("loadavg"), format!("{load} 0.1 0.1 1/2 3\n")).unwrap();
    fs::write(bench.host.host.proc.join("stat"), "cpu 1 2 3\ncpu0 1 2 3\n").unwrap();
    // What was read half a second ago is used again.
    sleep(Duration::from_millis(600));
}

#[test]
fn a_host_that_turns_bad_ends_what_acts() {
    let mut bench = with_limits("mode: armed\nhost: {max_load_per_cpu: 1.5}\n");
    load(&bench, "0.5");
    bench.start(DROP).unwrap();
    let shadow = bench.start(SHADOW).unwrap().id;
    bench.engine.judge_second();
    assert!(bench.engine.faults[0].lives());
    load(&bench, "9.0");
    bench.engine.judge_second();
    let (kind, reason) = bench.end().unwrap();
    assert_eq!(kind, EndKind::Aborted);
    assert!(reason.starts_with("the host: ") && reason.contains("load"), "{reason}");
    assert_eq!(bench.engine.find(&shadow).unwrap().state, State::Shadow);
    let error = bench.engine.arm(&shadow, &root()).unwrap_err();
    assert_eq!(error.limit.as_deref(), Some("host.max_load_per_cpu"));
    fs::remove_file(bench.host.host.proc.join("loadavg")).unwrap();
    sleep(Duration::from_millis(600));
    assert!(bench.start(DROP).is_err(), "what cannot be read refuses");
}
