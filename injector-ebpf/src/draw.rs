//! Which of the matching packets a fault takes.

use crate::meter::{Meter, NO_LIMIT};

/// [`Draw::kind`]: each packet for itself, by a draw of 32 bits below [`Draw::threshold`].
pub const DRAW_CHANCE: u32 = 0;
/// [`Draw::kind`]: whole flows, by a hash of addresses and ports below [`Draw::threshold`].
pub const DRAW_FLOWS: u32 = 1;
/// [`Draw::kind`]: in bursts, by the Gilbert-Elliott chain: `params` are its four thresholds.
pub const DRAW_BURSTS: u32 = 2;
/// [`Draw::kind`]: every `params[0]`th packet.
pub const DRAW_EVERY: u32 = 3;
/// [`Draw::kind`]: the first `params[0]` packets.
pub const DRAW_FIRST: u32 = 4;
/// [`Draw::kind`]: what comes above `params[0]` packets in a window of `params[1]` ticks.
pub const DRAW_ABOVE: u32 = 5;
/// [`Draw::kind`]: all but the first `params[0]`.
pub const DRAW_AFTER: u32 = 6;
/// [`Draw::kind`]: the first `params[0]` in a window of `params[1]` ticks.
pub const DRAW_UP_TO: u32 = 7;
/// [`Draw::kind`]: each for itself like [`DRAW_CHANCE`], with a word that is always the same for the same
/// [`Draw::seed`] and number.
pub const DRAW_SEEDED: u32 = 8;

/// Index in [`Draw::params`]: from the good state to the bad one.
pub const GE_P: usize = 0;
/// From the bad state to the good one.
pub const GE_R: usize = 1;
/// Loss in the bad state, 1 - h.
pub const GE_LOSS_BAD: usize = 2;
/// Loss in the good state, 1 - k.
pub const GE_LOSS_GOOD: usize = 3;

/// 100 %: every draw of 32 bits is below it.
pub const ALWAYS: u64 = 1 << 32;

/// The frequency of a fault.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// One of the `DRAW_` kinds.
    pub kind: u32,
    /// Of flows: makes the choice another one for every rule. Else 0, or what the words come from.
    pub seed: u32,
    /// Acts if a draw of 32 bits is below: 0..=2^32.
    pub threshold: u64,
    /// By kind.
    pub params: [u64; 4],
}

/// What came of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The fault acts.
    pub acts: bool,
    /// What is to be remembered for the next draw.
    pub state: u64,
}

impl Draw {
    /// Never.
    pub const NEVER: Self = Self { kind: DRAW_CHANCE, seed: 0, threshold: 0, params: [0; 4] };

    /// Does only the number of the draw decide? Then [`numbered`](Self::numbered) is asked.
    #[inline(always)]
    pub const fn is_numbered(&self) -> bool {
        matches!(self.kind, DRAW_EVERY | DRAW_FIRST | DRAW_AFTER | DRAW_SEEDED)
    }

    /// The draw with this number, from 0.
    #[inline(always)]
    pub fn numbered(&self, number: u64) -> bool {
        match self.kind {
            DRAW_EVERY => (number + 1).is_multiple_of(self.params[0]),
            DRAW_FIRST => number < self.params[0],
            DRAW_AFTER => number >= self.params[0],
            DRAW_SEEDED => (self.word(number) as u64) < self.threshold,
            _ => false,
        }
    }

    /// The word of the draw with this number: the seed chooses an order of all 32-bit words, and this is the one at
    /// that place.
    #[inline(always)]
    pub const fn word(&self, number: u64) -> u32 {
        mix(mix(self.seed ^ (number >> 32) as u32).wrapping_add(number as u32))
    }

    /// Another word of the same draw, for what else is to be chosen.
    #[inline(always)]
    pub const fn other(word: u32) -> u32 {
        mix(word ^ 0x9e37_79b9)
    }

    /// One draw of those that are not numbered. `state` is what the last one left (0 at first), `random` two
    /// independent words, `flow` the hash of the packet's flow, `now` the tick.
    #[inline(always)]
    pub fn take(&self, state: u64, random: [u32; 2], flow: u32, now: u64) -> Outcome {
        match self.kind {
            DRAW_CHANCE => Outcome { acts: (random[0] as u64) < self.threshold, state },
            DRAW_FLOWS => Outcome { acts: (mix(flow ^ self.seed) as u64) < self.threshold, state },
            DRAW_BURSTS => {
                // The chain's state is the lowest bit, above it the number of the draw.
                let bad = state & 1;
                let random = if self.seed == 0 {
                    random
                } else {
                    let word = self.word(state >> 1);
                    [word, Self::other(word)]
                };
                // As netem does it: the state in which the packet finds the chain decides over the packet.
                let (leave, loss) = if bad == 0 { (GE_P, GE_LOSS_GOOD) } else { (GE_R, GE_LOSS_BAD) };
                let leaves = ((random[0] as u64) < self.params[leave]) as u64;
                Outcome {
                    acts: (random[1] as u64) < self.params[loss],
                    state: ((state >> 1) + 1) << 1 | (bad ^ leaves),
                }
            }
            DRAW_ABOVE | DRAW_UP_TO => {
                let meter = Meter { limit: self.params[0], window: self.params[1] };
                let next = if meter.window == 0 { NO_LIMIT } else { meter.take(state, 1, now) };
                let over = next == NO_LIMIT;
                Outcome { acts: over == (self.kind == DRAW_ABOVE), state: if over { state } else { next } }
            }
            _ => Outcome { acts: false, state },
        }
    }
}

/// Spreads 32 bits over 32 bits: the finalizer of MurmurHash3, a bijection.
#[inline(always)]
pub const fn mix(mut word: u32) -> u32 {
    word ^= word >> 16;
    word = word.wrapping_mul(0x85eb_ca6b);
    word ^= word >> 13;
    word = word.wrapping_mul(0xc2b2_ae35);
    word ^ word >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(draw: &Draw, n: u64) -> impl Iterator<Item = bool> {
        let (mut state, draw) = (0, *draw);
        let mut seed = 1_u32;
        let mut random = move || {
            seed = seed.wrapping_add(0x9e37_79b9);
            mix(seed)
        };
        (0..n).map(move |_| {
            if draw.is_numbered() {
                state += 1;
                return draw.numbered(state - 1);
            }
            let outcome = draw.take(state, [random(), random()], 0, 0);
            state = outcome.state;
            outcome.acts
        })
    }

    #[test]
    fn every_third_and_the_first_three() {
        let every = Draw { kind: DRAW_EVERY, params: [3, 0, 0, 0], ..Draw::NEVER };
        assert!(draws(&every, 7).eq([false, false, true, false, false, true, false]));
        let first = Draw { kind: DRAW_FIRST, params: [3, 0, 0, 0], ..Draw::NEVER };
        assert!(draws(&first, 5).eq([true, true, true, false, false]));
        let after = Draw { kind: DRAW_AFTER, params: [3, 0, 0, 0], ..Draw::NEVER };
        assert!(draws(&after, 5).eq([false, false, false, true, true]));
    }

    #[test]
    fn a_seed_repeats_itself_and_has_its_share() {
        let draw = |seed| Draw { kind: DRAW_SEEDED, seed, threshold: ALWAYS / 20, ..Draw::NEVER };
        assert!(draws(&draw(7), 100_000).eq(draws(&draw(7), 100_000)));
        assert!(draws(&draw(7), 1000).ne(draws(&draw(8), 1000)));
        for seed in 1..20 {
            let (mut taken, mut pairs, mut before) = (0.0, 0.0, false);
            for acts in draws(&draw(seed), 100_000) {
                taken += f64::from(u8::from(acts));
                pairs += f64::from(u8::from(acts && before));
                before = acts;
            }
            // Five deviations of a binomial's share, and of the share that follows right after another.
            for (share, n) in [(taken / 1e5, 1e5), (pairs / taken, taken)] {
                assert!((share - 0.05).abs() < 5.0 * (0.05_f64 * 0.95 / n).sqrt(), "seed {seed}: {share}");
            }
        }
        let chain = |seed| {
            let params = [ALWAYS / 100, ALWAYS / 4, ALWAYS, 0];
            Draw { kind: DRAW_BURSTS, seed, params, ..Draw::NEVER }
        };
        assert!(draws(&chain(3), 10_000).eq(draws(&chain(3), 10_000)));
        assert!(draws(&chain(3), 10_000).ne(draws(&chain(4), 10_000)));
        let lost = draws(&chain(3), 1_000_000).filter(|acts| *acts).count() as f64 / 1e6;
        assert!((lost - 1.0 / 26.0).abs() < 0.002, "{lost}");
    }

    #[test]
    fn all_and_none_by_chance() {
        assert!(draws(&Draw { threshold: ALWAYS, ..Draw::NEVER }, 1000).all(|acts| acts));
        assert!(!draws(&Draw::NEVER, 1000).any(|acts| acts));
    }

    #[test]
    fn a_flow_is_taken_whole() {
        let draw = Draw { kind: DRAW_FLOWS, threshold: ALWAYS / 5, seed: 7, ..Draw::NEVER };
        let taken = (0..10_000_u32).filter(|flow| draw.take(0, [0; 2], *flow, 0).acts).count();
        assert!((1800..2200).contains(&taken), "{taken} of 10,000 flows at 20 %");
        assert!((0..100).all(|flow| draw.take(0, [0; 2], flow, 0) == draw.take(0, [9; 2], flow, 5)));
    }

    #[test]
    fn bursts_lose_their_stationary_share() {
        // p = 1 %, r = 25 %: 1 / 26 of the packets find the chain bad; a burst has 4 packets on average.
        let p = ALWAYS / 100;
        let draw = Draw { kind: DRAW_BURSTS, params: [p, ALWAYS / 4, ALWAYS, 0], ..Draw::NEVER };
        let (mut lost, mut bursts, mut before) = (0_u32, 0_u32, false);
        for acts in draws(&draw, 1_000_000) {
            lost += u32::from(acts);
            bursts += u32::from(acts && !before);
            before = acts;
        }
        let (share, length) = (f64::from(lost) / 1e6, f64::from(lost) / f64::from(bursts));
        assert!((share - 1.0 / 26.0).abs() < 0.002, "{share}");
        assert!((length - 4.0).abs() < 0.1, "{length}");
    }

    #[test]
    fn above_a_rate_means_above_it_in_every_window() {
        let draw = Draw { kind: DRAW_ABOVE, params: [2, 100, 0, 0], ..Draw::NEVER };
        let mut state = 0;
        let acts = [500, 510, 520, 599, 600, 601, 602].map(|now| {
            let outcome = draw.take(state, [0; 2], 0, now);
            state = outcome.state;
            outcome.acts
        });
        assert_eq!(acts, [false, false, true, true, false, false, true]);
        let (up_to, mut state) = (Draw { kind: DRAW_UP_TO, ..draw }, 0);
        let acts = [500, 510, 520, 599, 600, 601, 602].map(|now| {
            let outcome = up_to.take(state, [0; 2], 0, now);
            state = outcome.state;
            outcome.acts
        });
        assert_eq!(acts, [true, true, false, false, true, true, false]);
    }
}
