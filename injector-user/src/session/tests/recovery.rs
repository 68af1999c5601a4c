//! How long until the target is back where it was.

use std::time::{Duration, Instant};

use super::bench::{Bench, DROP, SHADOW, bench};
use crate::{
    api::types::{EndKind, FailuresDoc, RecoveryDoc},
    observe::sum,
};
use injector_ebpf::{
    dep::{CONNECT, CountKey, HANDSHAKE, TimeKey, Times},
    hist::{BUCKETS, bucket},
    rtt::Aggregate,
};

fn round_trips(us: u32, samples: u64) -> Aggregate {
    let mut out = Aggregate { samples, segments: samples, ..crate::observe::ZERO };
    out.rtt[bucket(us)] = samples;
    out
}

/// Traffic of the target, and a look at it.
fn second(bench: &mut Bench, us: u32, samples: u64) {
    let app = bench.host.cgroup("/app");
    bench.fake.with(|state| {
        let sums = state.traffic.entry(app).or_insert(crate::observe::ZERO);
        *sums = sum([&*sums, &round_trips(us, samples)]);
    });
    bench.engine.look_back();
}

/// A fault that has just ended, after a minute of round trips of 2 ms.
fn ended() -> Bench {
    let mut bench = bench();
    second(&mut bench, 2_000, 1);
    second(&mut bench, 2_000, 500);
    bench.start(DROP).unwrap();
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    assert_eq!(bench.engine.ended[0].recovery, Some(RecoveryDoc::Waiting));
    bench
}

#[test]
fn it_waits_until_the_target_is_back() {
    let mut bench = ended();
    second(&mut bench, 80_000, 10);
    second(&mut bench, 80_000, 100);
    assert_eq!(bench.engine.ended[0].recovery, Some(RecoveryDoc::Waiting));
    second(&mut bench, 2_000, 100);
    assert!(matches!(bench.engine.ended[0].recovery, Some(RecoveryDoc::Recovered { .. })));
    assert!(bench.engine.recovering.is_empty());
}

fn a_minute_later(bench: &mut Bench) {
    let one = &mut bench.engine.recovering[0];
    one.since = one.since.checked_sub(Duration::from_secs(61)).unwrap_or_else(Instant::now);
}

#[test]
fn it_does_not_wait_for_ever() {
    let mut bench = ended();
    second(&mut bench, 80_000, 10);
    a_minute_later(&mut bench);
    second(&mut bench, 80_000, 100);
    assert!(matches!(bench.engine.ended[0].recovery, Some(RecoveryDoc::NotRecovered { after_s: 61.. })));
    assert!(bench.engine.recovering.is_empty());
}

#[test]
fn nor_for_sums_that_cannot_be_read() {
    let mut bench = ended();
    bench.fake.with(|state| state.failing.insert("cgroup_aggregates"));
    bench.engine.look_back();
    assert_eq!(bench.engine.ended[0].recovery, Some(RecoveryDoc::Waiting));
    a_minute_later(&mut bench);
    bench.engine.look_back();
    assert!(matches!(bench.engine.ended[0].recovery, Some(RecoveryDoc::Unknown { .. })));
    assert!(bench.engine.recovering.is_empty());
}

#[test]
fn a_shadow_has_nothing_to_recover_from() {
    let mut bench = bench();
    bench.start(SHADOW).unwrap();
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    assert_eq!(bench.engine.ended[0].recovery, None);
    assert!(bench.engine.recovering.is_empty());
}

/// Two faults of one name, one after the other: what is told of the second is the second's.
#[test]
fn a_name_that_is_used_again_is_waited_for_once() {
    let mut bench = bench();
    second(&mut bench, 2_000, 1);
    second(&mut bench, 2_000, 500);
    for _ in 0..2 {
        bench.start(&DROP.replace(r#""for""#, r#""name":"mine","for""#)).unwrap();
        bench.engine.end_where(|_| true, EndKind::Stopped, "test");
        bench.engine.drain();
    }
    assert_eq!(bench.engine.recovering.len(), 1);
}

/// What the target tried, and failed at, since ever.
fn tried(bench: &Bench, established: u64, refused: u64) {
    let app = bench.host.cgroup("/app");
    let dep = crate::observe::ended_flows(app, 5, 5432, 0).0;
    bench.fake.with(|state| {
        state.watched = vec![app];
        let times = Times { samples: established, buckets: [0; BUCKETS] };
        state.kinds.times = vec![(TimeKey { dep, kind: HANDSHAKE, pad: 0 }, times)];
        state.kinds.counts = vec![(CountKey { dep, what: CONNECT, detail: 111 }, refused)];
    });
}

/// A target that is always watched, and of which 1 of 100 connects fails, is looked at for half a minute.
#[test]
fn a_target_that_still_fails_has_not_recovered() {
    let mut bench = bench();
    bench.engine.settings.watch = vec!["cgroup:/app".parse().unwrap()];
    tried(&bench, 0, 0);
    second(&mut bench, 2_000, 1);
    second(&mut bench, 2_000, 500);
    bench.engine.asked.age(Duration::from_secs(30));
    tried(&bench, 99, 1);
    bench.start(DROP).unwrap();
    tried(&bench, 100, 21);
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    second(&mut bench, 2_000, 10);
    tried(&bench, 110, 31);
    second(&mut bench, 2_000, 100);
    let id = bench.engine.ended[0].id.clone();
    let doc = bench.engine.find(&id).unwrap();
    assert_eq!(doc.recovery, Some(RecoveryDoc::Waiting), "quick, but half of the connects are refused");
    let failures =
        |connects, failed_connects| FailuresDoc { connects, failed_connects, ..FailuresDoc::default() };
    let target = doc.windows.unwrap().target;
    assert_eq!(
        [target.before.unwrap().failures, target.during.failures, target.after.unwrap().failures],
        [Some(failures(100, 1)), Some(failures(21, 20)), Some(failures(20, 10))]
    );
    let points = target.during_change.unwrap().failures.unwrap().failed_connects_points.unwrap();
    assert!((points - (2_000.0 / 21.0 - 1.0)).abs() < 1e-9, "{points}");
    tried(&bench, 210, 32);
    second(&mut bench, 2_000, 100);
    let doc = &bench.engine.ended[0];
    assert!(matches!(doc.recovery, Some(RecoveryDoc::Recovered { .. })), "{:?}", doc.recovery);
    let judged = doc.recovery_judged.as_ref().unwrap();
    assert_eq!(
        (judged.before.failures, judged.now.failures),
        (Some(failures(100, 1)), Some(failures(101, 1)))
    );
}
