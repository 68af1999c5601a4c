//! What ran over since a fault began, and how full things were meanwhile.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::SystemTime,
};

use super::{place::place_words, reading::Reading, scope::SeenFault};
use crate::api::types::{OverflowDoc, OverflowsDoc, PeakDoc, PlaceDoc, PlaceKind};

/// Peaks that are told, the highest.
const PEAKS: usize = 20;
/// Peaks that are kept.
const MOST_PEAKS: usize = 1000;

/// One fault's numbers.
#[derive(Clone, Debug)]
pub struct Track {
    fault: String,
    since: SystemTime,
    late_ms: u64,
    /// Set when the fault is no longer live.
    pub ended: Option<SystemTime>,
    /// The totals when counting began.
    base: HashMap<String, u64>,
    places: HashSet<String>,
    counts: BTreeMap<String, OverflowDoc>,
    peaks: BTreeMap<(String, String), f64>,
}

impl Track {
    /// Counts from this reading on: one from before the fault, if there is one that has its target.
    pub fn new(fault: &SeenFault, baseline: &Reading) -> Self {
        let late = baseline.wall.duration_since(fault.started).unwrap_or_default();
        let mut track = Self {
            fault: fault.id.clone(),
            since: baseline.wall,
            late_ms: u64::try_from(late.as_millis()).unwrap_or(u64::MAX),
            ended: None,
            base: HashMap::new(),
            places: HashSet::new(),
            counts: BTreeMap::new(),
            peaks: BTreeMap::new(),
        };
        for place in baseline.places.iter().filter(|place| fault.has(place)) {
            track.places.insert(key(place));
            for counter in place.counters.iter().filter(|counter| counter.overflow) {
                track.base.insert(counter_key(place, &counter.what, counter.of.as_deref()), counter.total);
            }
        }
        track
    }

    /// Whether it is this fault's.
    pub fn is_of(&self, fault: &SeenFault) -> bool {
        self.fault == fault.id
    }

    /// A later reading.
    pub fn update(&mut self, fault: &SeenFault, reading: &Reading) {
        for place in reading.places.iter().filter(|place| fault.has(place)) {
            let words = place_words(place);
            let known = !self.places.insert(key(place));
            for counter in place.counters.iter().filter(|counter| counter.overflow) {
                let key = counter_key(place, &counter.what, counter.of.as_deref());
                // What came after the fault began has counted from 0; a namespace to which the target came later has not.
                let fresh = born(place.kind) || (known && counter.of.is_some());
                let base = *self.base.entry(key.clone()).or_insert(if fresh { 0 } else { counter.total });
                // Below it: made anew.
                let count = counter.total.checked_sub(base).unwrap_or(counter.total);
                if count > 0 {
                    let (what, of) = (counter.what.clone(), counter.of.clone());
                    self.counts.insert(key, OverflowDoc { place: words.clone(), what, of, count });
                }
            }
            for gauge in &place.gauges {
                let Some(percent) = gauge.percent else { continue };
                let key = (words.clone(), gauge.what.clone());
                if self.peaks.len() < MOST_PEAKS || self.peaks.contains_key(&key) {
                    let peak = self.peaks.entry(key).or_insert(percent);
                    *peak = peak.max(percent);
                }
            }
        }
    }

    /// For people and programs.
    pub fn doc(&self, stamp: impl Fn(SystemTime) -> String) -> OverflowsDoc {
        let mut overflows: Vec<_> = self.counts.values().cloned().collect();
        overflows.sort_by_key(|over| std::cmp::Reverse(over.count));
        let peak = |((place, what), percent): (&(String, String), &f64)| PeakDoc {
            place: place.clone(),
            what: what.clone(),
            percent: *percent,
        };
        let mut peaks: Vec<_> = self.peaks.iter().map(peak).collect();
        peaks.sort_by(|a, b| b.percent.total_cmp(&a.percent));
        peaks.truncate(PEAKS);
        OverflowsDoc {
            fault: self.fault.clone(),
            since: stamp(self.since),
            late_ms: self.late_ms,
            ended: self.ended.is_some(),
            overflows,
            peaks,
        }
    }
}

fn born(kind: PlaceKind) -> bool {
    matches!(kind, PlaceKind::Cgroup | PlaceKind::Listener | PlaceKind::Dependency)
}

fn key(place: &PlaceDoc) -> String {
    format!("{:?} {} {:?} {:?}", place.kind, place.name, place.cgroup, place.netns)
}

fn counter_key(place: &PlaceDoc, what: &str, of: Option<&str>) -> String {
    format!("{} {what} {of:?}", key(place))
}
