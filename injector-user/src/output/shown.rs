//! Counters of dependencies that a scrape can trust, although only so many have series of their own.
//!
//! Every scrape adds what is new since the last one to the series in which a dependency is shown now: its own, or
//! `other`. So no series ever goes backwards, and what all of them gained is what was there to gain, whoever is shown.
//! A dependency keeps its series once it has one; it loses it only to one without, and after an hour without traffic:
//! then the series ends. What it had counted is not added to `other`, where it would look like traffic of now.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use crate::api::types::{DependencyDoc, LatencyDoc};

/// Dependencies with series of their own; the rest is added up as `other`.
pub const SHOWN: usize = 50;
/// After so long without traffic a series may be another's.
const IDLE: Duration = Duration::from_secs(3600);

/// How many counters the traffic of a dependency has.
pub const COUNTERS: usize = 11;

/// What else is counted of a dependency, each by names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Samples of a kind of latency.
    Latency,
    /// Something that went wrong.
    Error,
    /// Packets that were dropped, by reason.
    Drop,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// In the order of [`traffic`].
    pub traffic: [u64; COUNTERS],
    /// Everything else.
    pub kinds: BTreeMap<(Kind, String), u64>,
}

impl Counts {
    fn add(&mut self, new: &Self) {
        for (sum, new) in self.traffic.iter_mut().zip(new.traffic) {
            *sum = sum.saturating_add(new);
        }
        for (name, new) in &new.kinds {
            let sum = self.kinds.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*new);
        }
    }

    /// What is new since `before`. A sum shrinks where flows take their numbers with them, and is counted from there on.
    fn since(&self, before: &Self) -> Self {
        let more = |(name, now): (&(Kind, String), &u64)| {
            (name.clone(), now.saturating_sub(before.kinds.get(name).copied().unwrap_or_default()))
        };
        Self {
            traffic: std::array::from_fn(|i| self.traffic[i].saturating_sub(before.traffic[i])),
            kinds: self.kinds.iter().map(more).collect(),
        }
    }

    fn nothing(&self) -> bool {
        self.traffic == [0; COUNTERS] && self.kinds.values().all(|n| *n == 0)
    }
}

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
    pub rtt_us: [Option<u64>; 4],
    /// Kinds of latency with their quantiles; never of `other`.
    pub latency: Vec<LatencyDoc>,
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
            let new = match self.seen.get(&name) {
                Some(before) => found.counts.since(before),
                None => found.counts.clone(),
            };
            seen.insert(name.clone(), found.counts.clone());
            if let Some(own) = self.own.get_mut(&name) {
                own.counts.add(&new);
                if !new.nothing() {
                    own.last = now;
                }
                series.push(Series { counts: own.counts.clone(), name, ..found });
            } else {
                self.overflowed = true;
                self.other.add(&new);
                open_of_others += found.open;
            }
        }
        self.seen = seen;
        // What is gone from the kernel's table keeps its series, and its place, until somebody needs that.
        let gone = self.own.iter().filter(|(name, _)| !self.seen.contains_key(*name));
        series.extend(gone.map(|(name, own)| Series {
            name: name.clone(),
            counts: own.counts.clone(),
            ..Series::default()
        }));
        series.sort_by(|a, b| a.name.cmp(&b.name));
        if self.overflowed {
            let name = std::array::from_fn(|_| "other".to_owned());
            let counts = self.other.clone();
            series.push(Series { name, counts, open: open_of_others, ..Series::default() });
        }
        series
    }

    /// Gives free places, and those of who has long been silent, to the ones with the most bytes that have none.
    fn seat(&mut self, now: Instant, all: &HashMap<Name, Series>) {
        let bytes = |series: &Series| series.counts.traffic[1].saturating_add(series.counts.traffic[3]);
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
        series.counts.add(&Counts { traffic: traffic(d), kinds: kinds(d) });
        series.open += d.open;
        series.rtt_us = [d.rtt_p50_us, d.rtt_p90_us, d.rtt_p99_us, d.rtt_p999_us];
        series.latency.clone_from(&d.kinds.latency);
    }
    all
}

fn kinds(d: &DependencyDoc) -> BTreeMap<(Kind, String), u64> {
    let latency = d.kinds.latency.iter().map(|one| ((Kind::Latency, one.kind.clone()), one.samples));
    let errors = d.kinds.errors.iter().map(|one| ((Kind::Error, one.name.clone()), one.count));
    let drops =
        d.kinds.drops.iter().chain(&d.kinds.freed).map(|one| ((Kind::Drop, one.name.clone()), one.count));
    latency.chain(errors).chain(drops).collect()
}

fn traffic(d: &DependencyDoc) -> [u64; COUNTERS] {
    [
        d.tx_segments,
        d.tx_bytes,
        d.rx_segments,
        d.rx_bytes,
        d.retransmits,
        d.injected_drops,
        d.injected_delays,
        d.rtt_samples,
        d.tx_packets,
        d.rx_packets,
        d.open.saturating_add(d.ended),
    ]
}

#[cfg(test)]
#[path = "shown_tests.rs"]
mod tests;
