//! What is declared against what is there.

use std::{fs, thread::sleep, time::Duration};

use super::bench::{DROP, SHADOW, bench, root};
use crate::api::types::EndKind;

#[test]
fn what_somebody_took_away_ends_the_fault_within_a_second() {
    for json in [DROP, SHADOW] {
        let mut bench = bench();
        bench.start(json).unwrap();
        bench.engine.judge_second();
        assert!(bench.engine.faults[0].lives());
        bench.fake.with(|state| state.steps.pop());
        bench.engine.judge_second();
        let (kind, reason) = bench.end().unwrap();
        assert_eq!(kind, EndKind::Drift);
        assert!(reason.contains("Egress"), "{reason}");
        assert!(bench.is_untouched());
    }
}

#[test]
fn a_neighbour_that_ends_is_no_drift() {
    let mut bench = bench();
    let first = bench.start(DROP).unwrap().id;
    bench.start(DROP).unwrap();
    bench.engine.end_where(|fault| fault.id == first, EndKind::Stopped, "test");
    bench.engine.judge_second();
    bench.engine.drain();
    assert_eq!(bench.engine.faults.len(), 1);
    assert!(bench.engine.faults[0].lives());
}

#[test]
fn a_limits_file_that_changed_ends_faults_after_the_grace_and_is_to_be_read_again() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    fs::write(bench.limits(), "mode: armed\nmax_percent: 10\n").unwrap();
    bench.engine.judge_second();
    assert!(bench.engine.faults[0].lives(), "whoever wrote it may be about to reload it");
    sleep(Duration::from_millis(3_100));
    bench.engine.judge_second();
    let (kind, reason) = bench.end().unwrap();
    assert_eq!(kind, EndKind::Drift);
    assert!(reason.contains("limits.yaml"), "{reason}");
    for json in [DROP, SHADOW] {
        let error = bench.start(json).unwrap_err();
        assert!(error.message.contains("nothing can be armed"), "{error}");
        assert!(error.hint.unwrap().contains("injector limits reload"));
    }
    assert!(bench.is_untouched());
    bench.engine.reload(&root()).unwrap();
    bench.start(DROP).unwrap();
}

#[test]
fn a_limits_file_that_is_gone_is_another_one_too() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    fs::remove_file(bench.limits()).unwrap();
    bench.engine.judge_second();
    sleep(Duration::from_millis(3_100));
    bench.engine.judge_second();
    assert_eq!(bench.end().unwrap().0, EndKind::Drift);
}
