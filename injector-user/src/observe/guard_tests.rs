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
    let why = "RTT p99 is 19.4 ms, it was 1.0 ms before the fault";
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

/// Numbers that a seed determines: splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0 < x <= 1.
    fn share(&mut self) -> f64 {
        ((self.roll() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }
}

/// A node with noise: a heavy tail (Pareto, alpha 1.5), traffic that goes up and down tenfold in minutes and jumps
/// besides, a second or two in which everything is slower, and bursts of retransmits. Slower for three seconds in a row
/// is no noise: that is what the guard is for.
struct Noisy {
    dice: Dice,
    second: u32,
    level: f64,
    burst: u32,
    slow: u32,
    rest: u32,
}

impl Noisy {
    fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), second: 0, level: 1.0, burst: 0, slow: 0, rest: 0 }
    }

    /// One second, with round trips `factor` times as long as usual.
    fn second(&mut self, factor: f64) -> Aggregate {
        self.second += 1;
        let dice = &mut self.dice;
        // 250 to 2,500 segments a second.
        let tide = (f64::from(self.second) / 120.0).sin() * 0.5 + 0.5;
        if dice.share() < 0.05 {
            self.level = 0.3 + dice.share();
        }
        let segments = (250.0 * 10_f64.powf((tide * self.level).clamp(0.0, 1.0))) as u64;
        // A burst of one or two seconds, four times a minute; the same for seconds of a busy disk or a long pause.
        if dice.share() < 1.0 / 15.0 {
            self.burst = 1 + u32::from(dice.share() < 0.5);
        }
        if self.rest == 0 && dice.share() < 1.0 / 30.0 {
            self.slow = 1 + u32::from(dice.share() < 0.3);
            self.rest = self.slow + 2;
        }
        let share = if self.burst > 0 { 0.06 * dice.share() } else { 0.004 * dice.share() };
        let slower = if self.slow > 0 { 1.0 + 9.0 * dice.share() } else { 1.0 };
        for left in [&mut self.burst, &mut self.slow, &mut self.rest] {
            *left = left.saturating_sub(1);
        }
        let mut window = Aggregate { segments, retransmits: (segments as f64 * share) as u64, ..ZERO };
        for _ in 0..segments * 4 / 5 {
            let us = 1_000.0 * factor * slower * dice.share().powf(-1.0 / 1.5);
            window.rtt[injector_ebpf::hist::bucket(us.min(60e6) as u32)] += 1;
            window.samples += 1;
        }
        window
    }
}

const SEEDS: [u64; 12] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233];

#[test]
fn half_an_hour_of_a_noisy_but_healthy_node_does_not_fire() {
    for seed in SEEDS {
        let mut noise = Noisy::new(seed);
        let mut node = Node(Guard::new(), ZERO);
        node.0.tick(&ZERO);
        for _ in 0..60 {
            node.second(noise.second(1.0));
        }
        node.0.arm();
        for second in 0..1_800 {
            let said = node.second(noise.second(1.0));
            assert!(!matches!(said, Verdict::Abort(_)), "seed {seed}, second {second}: {said}");
        }
    }
}

#[test]
fn in_the_same_noise_ten_times_the_round_trips_fire_at_once() {
    for seed in SEEDS {
        for lull in [0, 60, 1_700] {
            let mut noise = Noisy::new(seed);
            let mut node = Node(Guard::new(), ZERO);
            node.0.tick(&ZERO);
            for _ in 0..60 {
                node.second(noise.second(1.0));
            }
            node.0.arm();
            for _ in 0..lull {
                node.second(noise.second(1.0));
            }
            let fired = (1..=4).find(|_| matches!(node.second(noise.second(10.0)), Verdict::Abort(_)));
            assert!(fired.is_some(), "seed {seed}, after {lull} s");
        }
    }
}
