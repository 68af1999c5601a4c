//! Where samples of round trips are counted: by flow, by cgroup, by rule.

use crate::{hist::BUCKETS, layout};

/// The RTT histogram of one flow. At most [`HISTOGRAMS`] flows have one.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRtt {
    /// That of the flow; 0: it is free, and empty.
    pub cookie: u64,
    /// Raw RTT samples in microseconds, by [`crate::hist::bucket`].
    pub rtt: [u32; BUCKETS],
}

/// Most flows with a histogram of their own: the samples of all others go to their dependency at once. 3 MiB.
pub const HISTOGRAMS: u32 = 4096;
/// In so many places a flow looks for a free one: with nine tenths of them taken, four flows of five find one.
pub const HISTOGRAM_TRIES: u32 = 16;
const _: () = assert!(HISTOGRAMS.is_power_of_two() && HISTOGRAMS < NO_HISTOGRAM as u32);

/// The places where a flow looks, in turn. Not one behind the other: numbers of sockets are, and whole stretches would be
/// taken.
#[inline(always)]
pub const fn histogram_place(cookie: u64, attempt: u32) -> u32 {
    let hash = cookie.wrapping_mul(GOLDEN);
    let (first, step) = ((hash >> (64 - HISTOGRAMS.trailing_zeros())) as u32, (hash >> 16) as u32 | 1);
    first.wrapping_add(attempt.wrapping_mul(step)) % HISTOGRAMS
}

/// [`crate::flow::Flow::histogram`]: its samples go to its dependency at once.
pub const NO_HISTOGRAM: u16 = u16::MAX;

/// Sums over many sockets: the control group (index 0) and the target of each rule (1 + slot).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// RTT samples.
    pub samples: u64,
    /// Segments sent, as far as they were seen (a socket is looked at when it receives).
    pub segments: u64,
    /// Retransmitted skbs.
    pub retransmits: u64,
    /// RTT samples in microseconds, by [`crate::hist::bucket`].
    pub rtt: [u64; BUCKETS],
}

/// The sums of a cgroup, by one CPU, where they are found at once: by CPU and the cgroup's id. A cgroup has such a place
/// where no other cgroup has it; its sums are these and those in the hash of cgroups.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    /// Whose, or [`NEAR_BUSY`]; 0: nobody's, and empty.
    pub cgroup: u64,
    /// See there.
    pub sum: Aggregate,
}

/// [`Near::cgroup`]: it is being freed. No cgroup has this id.
pub const NEAR_BUSY: u64 = u64::MAX;
/// How many places there are for each CPU, a power of two: 98 KiB.
pub const NEAR: u32 = 64;

/// Which of a CPU's places a cgroup may have.
#[inline(always)]
pub const fn near_place(cgroup: u64) -> u32 {
    (cgroup.wrapping_mul(GOLDEN) >> (64 - NEAR.trailing_zeros())) as u32
}

/// 2^64 over the golden ratio, for Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Number of [`Aggregate`]s: the control group and one for each rule.
pub const AGGREGATES: usize = 1 + crate::rule::MAX_RULES;

layout!(FlowRtt = 8 + BUCKETS * 4, Aggregate = 24 + BUCKETS * 8, Near = 32 + BUCKETS * 8);

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these sockets' flows find a place.
    fn placed(taken: &mut [bool], cookies: impl Iterator<Item = u64>) -> usize {
        let place = |cookie: u64| {
            let mut places = (0..HISTOGRAM_TRIES).map(|n| histogram_place(cookie, n) as usize);
            places.find(|place| !core::mem::replace(&mut taken[*place], true)).is_some()
        };
        cookies.map(place).filter(|found| *found).count()
    }

    #[test]
    fn numbers_in_a_row_find_places_for_histograms() {
        let taken = &mut [false; HISTOGRAMS as usize];
        // Of three CPUs, each with its own block of numbers: together nine tenths of all places.
        for block in [0, 4096, 1 << 20] {
            let found = placed(taken, block..block + 1228);
            assert!(found > 1150, "{found} of block {block}");
        }
        let found = placed(taken, 9000..9100);
        assert!((50..100).contains(&found), "{found} of a hundred when nine tenths are taken");
    }

    #[test]
    fn no_place_is_tried_twice() {
        for cookie in (1..100_000).chain(u64::MAX - 1000..u64::MAX) {
            let mut places: [u32; HISTOGRAM_TRIES as usize] =
                core::array::from_fn(|n| histogram_place(cookie, n as u32));
            places.sort_unstable();
            assert!(
                places.windows(2).all(|two| two[0] != two[1]) && places.iter().all(|at| *at < HISTOGRAMS)
            );
        }
    }
}
