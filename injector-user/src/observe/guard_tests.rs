use super::*;
use crate::observe::{ZERO, samples::aggregate};

/// A guard and the sums it is fed with.
struct Node(Guard, Aggregate);

impl Node {
    /// `seconds` of `window` before the fault, then armed.
    fn armed(seconds: usize, window: Aggregate) -> Self {
        let mut node = Self(Guard::new(), ZERO);
        assert_eq!(node.0.tick(&ZERO), Verdict::Ok);
        for _ in 0..seconds {
            assert_eq!(node.second(window), Verdict::Ok);
        }
        node.0.arm();
        node
    }

    fn second(&mut self, window: Aggregate) -> Verdict {
        self.1 = sum([&self.1, &window]);
        self.0.tick(&self.1)
    }
}

/// A second with a p99 of `us`.
fn calm(us: u32) -> Aggregate {
    aggregate(us, 300, 1000, 0)
}

#[test]
fn as_before_is_ok() {
    let mut node = Node::armed(10, calm(1_000));
    for _ in 0..5 {
        assert_eq!(node.second(calm(1_100)), Verdict::Ok);
    }
    // Three times as slow, but by less than 5 ms; and more than 5 ms, but not three times.
    assert_eq!(node.second(calm(5_500)), Verdict::Ok);
    assert_eq!(Node::armed(10, calm(10_000)).second(calm(25_000)), Verdict::Ok);
}

#[test]
fn three_slow_seconds_in_a_row_abort() {
    let mut node = Node::armed(10, calm(1_000));
    // 20 ms is in the bucket from 18.4 to 20.5 ms, whose middle is shown.
    let why = "RTT p99 is 19.5 ms, it was 1.0 ms before the fault";
    assert_eq!(node.second(calm(20_000)), Verdict::Hurt(why.into()));
    assert_eq!(node.second(calm(20_000)), Verdict::Hurt(why.into()));
    let abort = Verdict::Abort(format!("the control group was hurt 3 s in a row: {why}"));
    assert_eq!(node.second(calm(20_000)), abort);
    assert_eq!(abort.to_string(), format!("abort: the control group was hurt 3 s in a row: {why}"));
}

#[test]
fn a_good_or_unjudged_second_ends_the_row() {
    for between in [calm(1_000), aggregate(20_000, 3, 3, 0)] {
        let mut node = Node::armed(10, calm(1_000));
        for window in [calm(20_000), calm(20_000), between, calm(20_000), calm(20_000)] {
            assert!(!matches!(node.second(window), Verdict::Abort(_)));
        }
        assert!(matches!(node.second(calm(20_000)), Verdict::Abort(_)));
    }
}

#[test]
fn many_retransmits_are_hurt_too() {
    // No round trips at all: the share of retransmits is judged by itself.
    let mut node = Node::armed(10, aggregate(0, 0, 1000, 2));
    assert_eq!(node.second(aggregate(0, 0, 1000, 11)), Verdict::Ok);
    let Verdict::Hurt(why) = node.second(aggregate(0, 0, 1000, 20)) else { panic!() };
    assert_eq!(why, "2.0 % of the segments are retransmits (20 of 1000), it was 0.2 % before the fault");
    // Twice a bad share is not hurt.
    assert_eq!(Node::armed(10, aggregate(0, 0, 1000, 50)).second(aggregate(0, 0, 1000, 100)), Verdict::Ok);
}

#[test]
fn both_reasons_are_told() {
    let Verdict::Hurt(why) = Node::armed(10, calm(1_000)).second(aggregate(20_000, 300, 1000, 50)) else {
        panic!()
    };
    assert!(why.contains("RTT p99") && why.contains("; 5.0 % of the segments"), "{why}");
}

#[test]
fn too_few_samples_are_not_judged() {
    let few = aggregate(20_000, 37, 100, 50);
    let said = Node::armed(10, calm(1_000)).second(few);
    assert_eq!(said.to_string(), "not judged: 37 samples of 200 (round trips in the last second)");
    let said = Node::armed(1, few).second(calm(20_000));
    assert_eq!(said.to_string(), "not judged: 37 samples of 200 (round trips before the fault)");
    let said = Node::armed(0, calm(0)).second(calm(20_000));
    assert_eq!(said.to_string(), "not judged: 0 samples of 200 (round trips before the fault)");
    // Exactly 200 are enough, and a quiet baseline adds up over its seconds.
    assert!(matches!(
        Node::armed(10, aggregate(1_000, 20, 0, 0)).second(aggregate(20_000, 200, 0, 0)),
        Verdict::Hurt(_)
    ));
}

#[test]
fn only_the_last_minute_counts_and_a_fault_is_no_normal_life() {
    let mut node = Node::armed(0, calm(0));
    node.0.disarm();
    for us in [50_000, 1_000] {
        for _ in 0..60 {
            node.second(calm(us));
        }
    }
    node.0.arm();
    assert!(matches!(node.second(calm(20_000)), Verdict::Hurt(_)), "the slow minute is forgotten");
    node.0.arm();
    assert!(matches!(node.second(calm(20_000)), Verdict::Hurt(_)), "armed twice is armed once");
    node.0.disarm();
    assert_eq!(node.second(calm(1_000)), Verdict::Ok);
    node.0.arm();
    assert!(
        matches!(node.second(calm(20_000)), Verdict::Hurt(_)),
        "what the fault did is not in the baseline"
    );
    assert!(matches!(node.second(calm(20_000)), Verdict::Hurt(_)), "the row began anew");
}

#[test]
fn counters_that_went_backwards_are_nothing() {
    let mut node = Node::armed(10, calm(1_000));
    let said = node.0.tick(&ZERO);
    assert_eq!(said.to_string(), "not judged: 0 samples of 200 (round trips in the last second)");
}
