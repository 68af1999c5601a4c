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
    /// Makes the choice of flows another one for every rule.
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

    /// One draw. `state` is what the last one left (0 at first), `random` two independent words, `flow` the hash
    /// of the packet's flow, `now` the tick.
    #[inline(always)]
    pub fn take(&self, state: u64, random: [u32; 2], flow: u32, now: u64) -> Outcome {
        match self.kind {
            DRAW_CHANCE => Outcome { acts: (random[0] as u64) < self.threshold, state },
            DRAW_FLOWS => Outcome { acts: (mix(flow ^ self.seed) as u64) < self.threshold, state },
            DRAW_BURSTS => {
                // As netem does it: the state in which the packet finds the chain decides over the packet.
                let (leave, loss) = if state == 0 { (GE_P, GE_LOSS_GOOD) } else { (GE_R, GE_LOSS_BAD) };
                let leaves = (random[0] as u64) < self.params[leave];
                Outcome {
                    acts: (random[1] as u64) < self.params[loss],
                    state: if leaves { (state == 0) as u64 } else { state },
                }
            }
            DRAW_EVERY => {
                let next = state + 1;
                let acts = next >= self.params[0];
                Outcome { acts, state: if acts { 0 } else { next } }
            }
            DRAW_FIRST => {
                let acts = state < self.params[0];
                Outcome { acts, state: if acts { state + 1 } else { state } }
            }
            DRAW_ABOVE => {
                let meter = Meter { limit: self.params[0], window: self.params[1] };
                let next = if meter.window == 0 { NO_LIMIT } else { meter.take(state, 1, now) };
                Outcome { acts: next == NO_LIMIT, state: if next == NO_LIMIT { state } else { next } }
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
    }
}
