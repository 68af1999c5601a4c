//! A full pool: a dependency whose connections are as many as they ever were, no more and no fewer for a while, and
//! all of them in use.
//!
//! A pool that is not full either has connections that nobody uses, or opens another one. So: for [`PLATEAU_SECONDS`]
//! (and five readings at least) the count was the same at every reading, at least two, and the highest of the last five
//! minutes; and on the average of these readings three of four were in use. A question that follows an answer at once is
//! known there only if the peer acknowledges it later; so where first bytes are measured, it is enough that their waits
//! ([`Busy`](crate::observe::Busy)) kept 85 of 100 busy in these 10 s: at most a tenth of that can be from before. A program that always has the same number
//! of busy connections looks the same, and for whoever waits for one of them it is the same.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// How long the count must not change.
pub const PLATEAU_SECONDS: u64 = 10;
const READINGS: usize = 5;
const REMEMBERED: Duration = Duration::from_secs(300);
/// Dependencies that are followed; one more is not.
const MOST: usize = 4096;
/// Of a hundred connections, so many are in use.
const IN_USE: u64 = 75;

/// Of a hundred connections, so many were busy by the waits for their answers.
const BUSY: u64 = 85;

/// Connections at a reading.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// When it was.
    pub at: Instant,
    /// Open ones.
    pub open: u64,
    /// Those in use at that moment, as far as the kernel tells.
    pub in_use: u64,
    /// Thousandths of connections that were busy on the average of the 10 s before, at least; `None`: not known.
    pub busy: Option<u64>,
}

/// What was seen of each dependency.
#[derive(Debug, Default)]
pub struct Pools(BTreeMap<String, VecDeque<Use>>);

impl Pools {
    /// The connections of a reading.
    pub fn add(&mut self, dependency: &str, seen: Use) {
        if !self.0.contains_key(dependency) && self.0.len() >= MOST {
            return;
        }
        let series = self.0.entry(dependency.to_owned()).or_default();
        series.push_back(seen);
        series.retain(|old| seen.at.duration_since(old.at) <= REMEMBERED);
    }

    /// Forgets those that have not been seen for long.
    pub fn forget(&mut self, now: Instant) {
        self.0
            .retain(|_, series| series.back().is_some_and(|last| now.duration_since(last.at) <= REMEMBERED));
    }

    /// At how many connections it stands, if that looks like a full pool.
    pub fn level(&self, dependency: &str) -> Option<u64> {
        let series = self.0.get(dependency)?;
        let last = series.back()?;
        let long = Duration::from_secs(PLATEAU_SECONDS);
        // The shortest time up to now that is long enough.
        let begins = (0..series.len())
            .rev()
            .find(|at| series.len() - at >= READINGS && last.at.duration_since(series[*at].at) >= long)?;
        let window = || series.range(begins..);
        let constant = window().all(|seen| seen.open == last.open);
        let highest = series.iter().all(|seen| seen.open <= last.open);
        let (open, in_use) =
            window().fold((0, 0), |(open, in_use), seen| (open + seen.open, in_use + seen.in_use));
        let busy = last.busy.is_some_and(|busy| busy >= last.open.saturating_mul(BUSY * 10));
        let used = in_use * 100 >= open * IN_USE || busy;
        (last.open >= 2 && constant && highest && used).then_some(last.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reading a second: (connections, in use).
    fn level(series: &[(u64, u64)]) -> Option<u64> {
        level_with(series, None)
    }

    /// The same, with the mean of the busy ones.
    fn level_with(series: &[(u64, u64)], busy: Option<u64>) -> Option<u64> {
        let begun = Instant::now();
        let mut pools = Pools::default();
        for (second, &(open, in_use)) in series.iter().enumerate() {
            pools.add("a", Use { at: begun + Duration::from_secs(second as u64), open, in_use, busy });
        }
        pools.level("a")
    }

    #[test]
    fn a_pool_that_hands_on_at_once_is_known_by_the_waits_for_its_answers() {
        // The kernel's ticks show nobody who waits; 8 connections wait for 85 % of the time, and a little less.
        assert_eq!(level_with(&[(8, 0); 11], Some(6_800)), Some(8));
        assert_eq!(level_with(&[(8, 0); 11], Some(6_799)), None, "a seventh is idle, or more");
        assert_eq!(level_with(&[(8, 0); 11], None), None, "first bytes are not measured");
        assert_eq!(level_with(&[(8, 0); 10], Some(8_000)), None, "nine seconds");
        assert_eq!(level_with(&[&[(9, 0)][..], &[(8, 0); 20]].concat(), Some(8_000)), None, "it had more");
        assert_eq!(level_with(&[(1, 0); 20], Some(1_000)), None, "one is no pool");
    }

    #[test]
    fn a_pool_that_rose_to_its_most_and_is_all_in_use_is_full() {
        let rising = [(1, 1), (3, 3), (6, 6)];
        let full = [rising.as_slice(), &[(8, 8); 11]].concat();
        assert_eq!(level(&full), Some(8));
        // A connection at one reading was between two requests.
        let nearly = [full.as_slice(), &[(8, 7)]].concat();
        assert_eq!(level(&nearly), Some(8));
    }

    #[test]
    fn what_is_idle_or_moves_or_was_higher_is_not() {
        assert_eq!(level(&[(8, 8); 10]), None, "nine seconds");
        assert_eq!(level(&[(8, 8); 11]), Some(8), "ten");
        assert_eq!(level(&[(8, 2); 20]), None, "most are idle");
        assert_eq!(level(&[(1, 1); 20]), None, "one is no pool");
        assert_eq!(level(&[&[(9, 9)][..], &[(8, 8); 20]].concat()), None, "it had more");
        assert_eq!(level(&[&[(8, 8); 20][..], &[(9, 9)]].concat()), None, "it has just grown");
        let moving: Vec<_> = (0..40).map(|i| (8 + i % 2, 8 + i % 2)).collect();
        assert_eq!(level(&moving), None);
        assert_eq!(level(&[]), None);
    }

    #[test]
    fn readings_that_are_far_apart_must_be_five() {
        let begun = Instant::now();
        let mut pools = Pools::default();
        for reading in 0..5 {
            assert_eq!(pools.level("a"), None, "{reading} readings");
            let at = begun + Duration::from_secs(reading * 6);
            pools.add("a", Use { at, open: 4, in_use: 4, busy: None });
        }
        assert_eq!(pools.level("a"), Some(4));
        pools.forget(begun + Duration::from_secs(400));
        assert_eq!(pools.level("a"), None);
    }
}
