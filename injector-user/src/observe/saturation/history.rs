//! The few readings that are kept, and what is remembered beyond them: pools, and what ran over during faults.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant, SystemTime},
};

use super::{
    hot::hot,
    plateau::{Pools, Use},
    rates,
    reading::Reading,
    scope::SeenFault,
    since::Track,
};
use crate::{
    api::types::{GaugeDoc, PlaceDoc, SaturationDoc, Unit},
    observe::lags_lost,
};

/// A rate is over this long at least.
const INTERVAL: Duration = Duration::from_millis(800);
/// What is older says nothing of the last second; unless readings take long, and so are far between.
const STALE: Duration = Duration::from_secs(5);
const STALE_SHARE: u32 = 40;
/// Faults that have ended and are still told.
const MOST_ENDED: usize = 20;

/// The last readings, and what is remembered beyond them.
#[derive(Debug, Default)]
pub struct History {
    /// Oldest first.
    readings: VecDeque<Reading>,
    pools: Pools,
    tracks: Vec<Track>,
}

impl History {
    /// The reading that a new one is compared with: the last one that is long enough ago.
    pub fn before(&self, now: Instant) -> Option<&Reading> {
        let age = |reading: &Reading| now.duration_since(reading.at);
        let young = |reading: &Reading| age(reading) <= STALE.max(reading.took * STALE_SHARE);
        self.readings.iter().rev().find(|reading| age(reading) >= INTERVAL && young(reading))
    }

    /// The last reading.
    pub fn last(&self) -> Option<&Reading> {
        self.readings.back()
    }

    /// Whether the last reading has these cgroups, with rates, and is so young.
    pub fn is_fresh(&self, roots: &[String], age: Duration) -> bool {
        self.last().is_some_and(|last| last.at.elapsed() <= age && last.has_rates(roots))
    }

    /// Whether the last reading has these cgroups, with rates.
    pub fn has_rates(&self, roots: &[String]) -> bool {
        self.last().is_some_and(|last| last.has_rates(roots))
    }

    /// Takes a reading: compares it with the one before, and follows pools and faults.
    pub fn add(&mut self, mut reading: Reading, faults: &[SeenFault]) {
        if let Some(before) = self.before(reading.at) {
            let between = reading.at.duration_since(before.at);
            rates::fill(&mut reading.places, &before.places, between, &reading.quotas);
            reading.interval = Some(between);
            reading.compared = before.roots.clone();
            let twice = twice(&reading);
            for (index, open, in_use) in &reading.pools {
                let Some(place) = reading.places.get_mut(*index) else { continue };
                let name = format!("{:?} {} {:?}", place.cgroup, place.name, place.netns);
                // Of a service that is reached from several namespaces each one's part is not known.
                let whose = (place.cgroup.clone().unwrap_or_default(), place.name.clone());
                let busy = reading.busy.get(&whose).filter(|_| !twice.contains(&whose)).copied();
                self.pools.add(&name, Use { at: reading.at, open: *open, in_use: *in_use, busy });
                if let Some(level) = self.pools.level(&name) {
                    place.gauges.push(GaugeDoc::new("pool", *open, Some(level), Unit::Count));
                }
            }
            self.pools.forget(reading.at);
        }
        for fault in faults {
            self.follow(fault, &reading);
        }
        for track in &mut self.tracks {
            if track.ended.is_none() && !faults.iter().any(|fault| track.is_of(fault)) {
                track.ended = Some(reading.wall);
            }
        }
        let ended = self.tracks.iter().filter(|track| track.ended.is_some()).count();
        for _ in MOST_ENDED..ended {
            if let Some(oldest) = self.tracks.iter().position(|track| track.ended.is_some()) {
                self.tracks.remove(oldest);
            }
        }
        let now = reading.at;
        self.readings.push_back(reading);
        // One that is long enough ago is kept, and those after it.
        while self.readings.get(1).is_some_and(|second| now.duration_since(second.at) >= INTERVAL) {
            self.readings.pop_front();
        }
    }

    fn follow(&mut self, fault: &SeenFault, reading: &Reading) {
        let known = self.tracks.iter().position(|track| track.ended.is_none() && track.is_of(fault));
        let index = known.unwrap_or_else(|| {
            // The last one before the fault that has its target; else this one.
            let earlier = self.readings.iter().rev();
            let earlier =
                earlier.filter(|earlier| earlier.wall <= fault.started && earlier.covers(&fault.roots));
            self.tracks.push(Track::new(fault, earlier.into_iter().next().unwrap_or(reading)));
            self.tracks.len() - 1
        });
        if let Some(track) = self.tracks.get_mut(index) {
            track.update(fault, reading);
        }
    }

    /// The last reading as a document: the places at and below `roots`, all without any.
    pub fn doc(&self, roots: &[String], stamp: impl Fn(SystemTime) -> String) -> SaturationDoc {
        let Some(last) = self.last() else { return SaturationDoc::default() };
        // What a fault on these cgroups would look at.
        let asked = SeenFault { id: String::new(), started: last.wall, roots: roots.to_vec() };
        let places = last.places.iter().filter(|place| roots.is_empty() || asked.has(place));
        let places: Vec<PlaceDoc> = places.cloned().collect();
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        SaturationDoc {
            at: stamp(last.wall),
            interval_ms: last.interval.map(|span| micros(span) / 1000),
            took_us: micros(last.took),
            hot: hot(&places),
            places,
            faults: self.tracks.iter().map(|track| track.doc(&stamp)).collect(),
            lost: lags_lost(&last.lost),
            left_out: last.left_out.clone(),
        }
    }
}

/// The dependencies that have more than one place, by cgroup and service.
fn twice(reading: &Reading) -> BTreeSet<(String, String)> {
    let (mut once, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for place in reading.pools.iter().filter_map(|(index, ..)| reading.places.get(*index)) {
        let whose = (place.cgroup.clone().unwrap_or_default(), place.name.clone());
        if !once.insert(whose.clone()) {
            twice.insert(whose);
        }
    }
    twice
}
