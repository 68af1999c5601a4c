//! Counters of dependencies that a scrape can trust, although only so many have series of their own.
//!
//! Every scrape adds what is new since the last one to the series in which a dependency is shown now: its own, or
//! `other`. So no series ever goes backwards, and what all of them gained is what was there to gain, whoever is shown.
//! A dependency keeps its series once it has one; it loses it only to one without, and after an hour without traffic:
//! then the series ends. What it had counted is not added to `other`, where it would look like traffic of now.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::api::types::DependencyDoc;

/// Dependencies with series of their own; the rest is added up as `other`.
pub const SHOWN: usize = 50;
/// After so long without traffic a series may be another's.
const IDLE: Duration = Duration::from_secs(3600);

/// How many counters a dependency has.
pub const COUNTERS: usize = 8;
/// They, in the order of [`values`].
pub type Counts = [u64; COUNTERS];
/// cgroup, side, service, protocol.
pub type Name = [String; 4];

/// One series of each family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its labels.
    pub name: Name,
    /// What it has counted since it began.
    pub counts: Counts,
    /// Flows that are open now.
    pub open: u64,
    /// Round trips, microseconds, where there are samples enough; never of `other`.
    pub rtt_us: [Option<u64>; 3],
}

/// A dependency with a series of its own.
#[derive(Debug)]
struct Own {
    counts: Counts,
    /// When it last had traffic.
    last: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Shown {
    own: HashMap<Name, Own>,
    other: Counts,
    /// There has been one without a series of its own.
    overflowed: bool,
    /// What was read of each dependency at the last scrape.
    seen: HashMap<Name, Counts>,
}

impl Shown {
    /// Takes a scrape's dependencies and gives its series, in the order of their names, `other` last.
    pub fn take(&mut self, now: Instant, dependencies: &[DependencyDoc]) -> Vec<Series> {
        let all = by_name(dependencies);
        self.seat(now, &all);
        let mut seen = HashMap::new();
        let mut series: Vec<Series> = Vec::new();
        let mut open_of_others = 0;
        for (name, found) in all {
            let before = self.seen.get(&name).copied().unwrap_or_default();
            // A sum shrinks where flows take their numbers with them, and is counted from there on.
            let new: Counts = std::array::from_fn(|i| found.counts[i].saturating_sub(before[i]));
            seen.insert(name.clone(), found.counts);
            if let Some(own) = self.own.get_mut(&name) {
                add(&mut own.counts, &new);
                if new != Counts::default() {
                    own.last = now;
                }
                series.push(Series { counts: own.counts, name, ..found });
            } else {
                self.overflowed = true;
                add(&mut self.other, &new);
                open_of_others += found.open;
            }
        }
        self.seen = seen;
        // What is gone from the kernel's table keeps its series, and its place, until somebody needs that.
        let gone = self.own.iter().filter(|(name, _)| !self.seen.contains_key(*name));
        series.extend(gone.map(|(name, own)| Series {
            name: name.clone(),
            counts: own.counts,
            ..Series::default()
        }));
        series.sort_by(|a, b| a.name.cmp(&b.name));
        if self.overflowed {
            let name = std::array::from_fn(|_| "other".to_owned());
            series.push(Series { name, counts: self.other, open: open_of_others, rtt_us: [None; 3] });
        }
        series
    }

    /// Gives free places, and those of who has long been silent, to the ones with the most bytes that have none.
    fn seat(&mut self, now: Instant, all: &HashMap<Name, Series>) {
        let bytes = |series: &Series| series.counts[1].saturating_add(series.counts[3]);
        let mut waiting: Vec<(&Name, u64)> = all
            .iter()
            .filter(|(name, _)| !self.own.contains_key(*name))
            .map(|(name, series)| (name, bytes(series)))
            .collect();
        waiting.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        for (name, _) in waiting {
            if self.own.len() >= SHOWN {
                let silent = self.own.iter().filter(|(_, own)| now.duration_since(own.last) >= IDLE);
                let Some(oldest) = silent.min_by_key(|(_, own)| own.last).map(|(name, _)| name.clone())
                else {
                    return;
                };
                self.own.remove(&oldest);
            }
            self.own.insert(name.clone(), Own { counts: Counts::default(), last: now });
        }
    }
}

/// Two keys may have one name (cgroups that share a path): their counters are added, not refused.
fn by_name(dependencies: &[DependencyDoc]) -> HashMap<Name, Series> {
    let mut all: HashMap<Name, Series> = HashMap::new();
    for d in dependencies {
        let name = [&d.cgroup, &d.side, &d.service, &d.protocol].map(String::clone);
        let series = all.entry(name).or_default();
        add(&mut series.counts, &values(d));
        series.open += d.open;
        series.rtt_us = [d.rtt_p50_us, d.rtt_p90_us, d.rtt_p99_us];
    }
    all
}

fn add(sum: &mut Counts, new: &Counts) {
    for (sum, new) in sum.iter_mut().zip(new) {
        *sum = sum.saturating_add(*new);
    }
}

fn values(d: &DependencyDoc) -> Counts {
    [
        d.tx_segments,
        d.tx_bytes,
        d.rx_segments,
        d.rx_bytes,
        d.retransmits,
        d.injected_drops,
        d.injected_delays,
        d.rtt_samples,
    ]
}

#[cfg(test)]
#[path = "shown_tests.rs"]
mod tests;
