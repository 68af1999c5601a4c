use std::time::Duration;

use injector_ebpf::hist::bucket;

use super::*;
use crate::plan::Side;

fn device(shape: Shape) -> Vec<Step> {
    vec![Step::Device { netns: 1, slot: 0, side: Side::Egress, shape }]
}

fn netem(by_ms: u64, jitter_ms: u64, table: Option<Table>) -> AskedDelayDoc {
    let (latency, jitter) = (Duration::from_millis(by_ms), Duration::from_millis(jitter_ms));
    let netem = Netem { latency, jitter, table, ..Netem::default() };
    asked_delay(&device(Shape::Netem(netem))).unwrap().asked.unwrap()
}

fn measured(values: impl IntoIterator<Item = u32>) -> Delays {
    let mut delays = Delays::ZERO;
    for us in values {
        delays.sum_us += u64::from(us);
        delays.buckets[bucket(us)] += 1;
    }
    delays
}

#[test]
fn what_was_asked_is_the_distributions_own() {
    let quantiles = |asked: AskedDelayDoc| (asked.p50_us, asked.p99_us);
    assert_eq!(quantiles(netem(80, 0, None)), (80_000, 80_000));
    assert_eq!(quantiles(netem(80, 20, None)), (80_000, 99_600));
    assert_eq!(netem(80, 20, None).jitter_us, 20_000);
    // Of the standard normal distribution: 2.3263 deviations.
    let (p50, p99) = quantiles(netem(80, 10, Some(Table::Normal)));
    assert!(p50.abs_diff(80_000) < 10 && p99.abs_diff(103_263) < 100, "{p50} {p99}");
    // Of Pareto's: (2^(1/3) - 1.5) / 0.75 and (100^(1/3) - 1.5) / 0.75, the latter beyond what an entry can hold.
    let (p50, p99) = quantiles(netem(80, 10, Some(Table::Pareto)));
    assert!(p50.abs_diff(76_799) < 10 && p99.abs_diff(120_000) < 10, "{p50} {p99}");
    // What would be less than none is none.
    let (p50, _) = quantiles(netem(1, 10, Some(Table::Pareto)));
    assert_eq!(p50, 0);
    let samples: Vec<u32> = (1..=100).map(|ms| ms * 1_000).collect();
    let (latency, jitter, table) = Table::measured(&samples);
    let shape = Shape::Netem(Netem { latency, jitter, table: Some(table), ..Netem::default() });
    let (p50, p99) = quantiles(asked_delay(&device(shape)).unwrap().asked.unwrap());
    assert!(p50.abs_diff(50_000) <= 1_000 && p99.abs_diff(99_500) < 600, "{p50} {p99}");
}

#[test]
fn only_what_holds_packets_has_a_delay() {
    assert_eq!(asked_delay(&[]), None);
    let corrupt = Netem { corrupt: true, ..Netem::default() };
    assert_eq!(asked_delay(&device(Shape::Netem(corrupt))), None);
    let rate = Shape::Rate { bytes_per_second: 1, burst: 1, queue: 1 };
    assert_eq!(asked_delay(&device(rate)), Some(DelayDoc::default()), "measured, with nothing asked");
}

#[test]
fn a_delay_without_jitter_is_told_to_the_percent() {
    // Its bucket goes from 73.7 to 81.9 ms; some came late.
    let doc = achieved(&measured((0..980).map(|_| 80_070).chain((0..20).map(|_| 120_000))));
    assert_eq!((doc.samples, doc.mean_us), (1_000, Some(80_868)));
    let p50 = doc.p50_us.unwrap();
    assert!(p50.abs_diff(80_070) < 200, "{p50}");
    assert!(doc.p99_us.unwrap().abs_diff(120_000) < 7_500, "{doc:?}");
    let spread = achieved(&measured((60..100).map(|ms| ms * 1_000)));
    assert!(spread.p50_us.unwrap().abs_diff(79_000) < 5_000 && spread.p99_us.is_none(), "{spread:?}");
    assert_eq!(achieved(&Delays::ZERO), AchievedDelayDoc::default());
    let torn = Delays { sum_us: 0, ..measured([80_070; 300]) };
    assert_eq!(achieved(&torn).p50_us, Some(73_728), "a sum that was read too early leaves it in its bucket");
}

#[test]
fn what_is_not_measured_says_so() {
    let delays = measured([5; 300]);
    let of = |direction| achieved_delay(DelayDoc::default(), direction, &delays);
    assert_eq!(of(Direction::Egress).achieved.unwrap().p99_us, Some(5));
    assert_eq!(of(Direction::Egress).why, None);
    assert_eq!(of(Direction::Ingress).achieved, None);
    assert_eq!(of(Direction::Ingress).why.unwrap(), "measured at egress only");
    let both = of(Direction::Both);
    assert!(both.achieved.is_some() && both.why.is_some());
}
