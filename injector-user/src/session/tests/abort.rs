//! Abort conditions, of the limits and of the request.

use injector_ebpf::hist::bucket;

use super::bench::{DROP, SHADOW, with_limits};
use crate::api::types::{EndKind, State};

const LIMITS: &str = "mode: armed\nabort: [control.retransmits>5%]\n";

#[test]
fn the_requests_own_condition_ends_it_at_the_next_tick() {
    let mut bench = with_limits(LIMITS);
    bench.start(&DROP.replace(r#""for""#, r#""abort":["target.rtt_p99>250ms"],"for""#)).unwrap();
    // What was before is no part of the window.
    bench.fake.with(|state| state.target.rtt[bucket(900_000)] += 5000);
    bench.tick();
    bench.tick();
    assert!(bench.engine.faults[0].lives());
    bench.fake.with(|state| state.target.rtt[bucket(300_000)] += 20);
    bench.tick();
    let (kind, reason) = bench.end().unwrap();
    assert_eq!(kind, EndKind::Aborted);
    assert!(reason.starts_with("target.rtt_p99 is ") && reason.ends_with(", more than 250ms"), "{reason}");
    assert!(bench.is_untouched());
}

#[test]
fn the_limits_condition_ends_it_at_the_next_tick() {
    let mut bench = with_limits(LIMITS);
    bench.start(DROP).unwrap();
    bench.tick();
    bench.fake.with(|state| (state.control.segments, state.control.retransmits) = (100, 10));
    bench.tick();
    let (kind, reason) = bench.end().unwrap();
    assert_eq!(kind, EndKind::Aborted);
    assert_eq!(reason, "control.retransmits is 10.00% (10 of 100), more than 5%");
}

#[test]
fn too_few_samples_are_not_judged_and_what_is_not_above_is_not_true() {
    let mut bench = with_limits(LIMITS);
    bench.start(&DROP.replace(r#""for""#, r#""abort":["target.rtt_p99>250ms"],"for""#)).unwrap();
    bench.tick();
    bench.fake.with(|state| {
        state.target.rtt[bucket(300_000)] += 19;
        (state.control.segments, state.control.retransmits) = (49, 49);
    });
    bench.tick();
    assert!(bench.engine.faults[0].lives(), "19 round trips and 49 segments");
    bench.fake.with(|state| {
        state.target.rtt[bucket(200_000)] += 5000;
        (state.control.segments, state.control.retransmits) = (2000, 100);
    });
    bench.tick();
    assert!(bench.engine.faults[0].lives(), "p99 is 200 ms, and 5 % are not more than 5 %");
}

#[test]
fn a_shadow_is_left_to_count() {
    let mut bench = with_limits(LIMITS);
    let id = bench.start(SHADOW).unwrap().id;
    bench.tick();
    bench.fake.with(|state| (state.control.segments, state.control.retransmits) = (100, 100));
    bench.tick();
    assert_eq!(bench.engine.find(&id).unwrap().state, State::Shadow);
}
