//! What came of a fault, as its document says it.

use injector_ebpf::{hist::bucket, rule::RuleStats};

use super::bench::{Bench, DELAY, DROP, bench};
use crate::api::types::{AchievedDelayDoc, AchievedDoc, EndKind, Fidelity};

fn found(bench: &mut Bench, id: &str) -> AchievedDoc {
    let text = serde_json::to_string(&bench.engine.find(id).unwrap().achieved).unwrap();
    // As a client reads it.
    serde_json::from_str(&text).unwrap()
}

fn count(bench: &Bench, acted: u64, passed_chance: u64) {
    let matched = acted + passed_chance;
    bench.fake.with(|state| state.stats = RuleStats { matched, acted, passed_chance, ..RuleStats::ZERO });
}

#[test]
fn the_verdict_follows_the_counters() {
    let mut bench = bench();
    let id = bench.start(DROP).unwrap().id;
    let verdict = |bench: &mut Bench| found(bench, &id).verdict;
    assert_eq!(verdict(&mut bench), None);
    count(&bench, 1, 19);
    assert_eq!(verdict(&mut bench), Some(Fidelity::TooFew));
    count(&bench, 50, 950);
    assert_eq!(verdict(&mut bench), Some(Fidelity::Within));
    count(&bench, 150, 850);
    assert_eq!(verdict(&mut bench), Some(Fidelity::Off));
    assert_eq!(found(&mut bench, &id).delay, None);
}

#[test]
fn a_delay_is_what_was_measured_and_outlives_the_fault() {
    let mut bench = bench();
    let id = bench.start(DELAY).unwrap().id;
    let asked = |doc: &AchievedDoc| doc.delay.as_ref().unwrap().asked.unwrap();
    let measured = |doc: &AchievedDoc| doc.delay.as_ref().unwrap().achieved.unwrap();
    let doc = found(&mut bench, &id);
    assert_eq!((asked(&doc).p50_us, asked(&doc).p99_us), (50_000, 50_000));
    assert_eq!(measured(&doc), AchievedDelayDoc::default(), "none yet");
    bench.fake.with(|state| {
        state.delays.buckets[bucket(50_090)] = 300;
        state.delays.sum_us = 300 * 50_090;
    });
    count(&bench, 300, 0);
    let doc = found(&mut bench, &id);
    assert_eq!((measured(&doc).samples, measured(&doc).p50_us), (300, Some(50_090)));
    bench.fake.with(|state| {
        state.delays.buckets[bucket(50_090)] = 301;
        state.delays.sum_us = 301 * 50_090;
    });
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    assert_eq!(measured(&found(&mut bench, &id)).samples, 301, "up to its end");
}

#[test]
fn what_comes_in_is_not_measured() {
    let mut bench = bench();
    let json = DELAY.replace(r#""for""#, r#""direction":"ingress","for""#);
    let id = bench.start(&json).unwrap().id;
    let delay = found(&mut bench, &id).delay.unwrap();
    assert_eq!((delay.achieved, delay.why.as_deref()), (None, Some("measured at egress only")));
    assert_eq!(delay.asked.unwrap().by_us, 50_000);
}

/// A ramp's share changes; bursts have none that a threshold could tell.
#[test]
fn only_a_chance_has_a_share_at_present() {
    let mut bench = bench();
    assert_eq!(bench.start(DROP).unwrap().percent_now, Some(5.0));
    let bursts = DROP.replace(r#""percent":5"#, r#""bursts":"1%,30%""#);
    assert_eq!(bench.start(&bursts).unwrap().percent_now, None);
}

/// Another fault's programs, shared with it, have missed some before.
#[test]
fn what_was_missed_counts_from_the_arming() {
    let fail =
        r#"{"kind":"fail","syscall":"read","errno":"EIO","percent":5,"targets":["cgroup:/app"],"for":"30s"}"#;
    let mut bench = bench();
    let other = bench.start(fail).unwrap().id;
    assert_eq!(bench.engine.find(&other).unwrap().counters.missed, None, "nothing that misses any");
    bench.fake.with(|state| state.missed = Some(30));
    let id = bench.start(fail).unwrap().id;
    let missed = |bench: &mut Bench| bench.engine.find(&id).unwrap().counters.missed;
    assert_eq!(missed(&mut bench), Some(0));
    bench.fake.with(|state| state.missed = Some(37));
    assert_eq!(missed(&mut bench), Some(7));
    bench.fake.with(|state| state.missed = Some(39));
    bench.engine.end_where(|fault| fault.id == id, EndKind::Stopped, "test");
    bench.fake.with(|state| state.missed = None);
    assert_eq!(missed(&mut bench), Some(9), "up to its end");
}
