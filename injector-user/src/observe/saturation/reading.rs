//! One reading of everything, and the few that are kept of them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant, SystemTime},
};

use super::{
    cgroup, dependency::Waits, hot::hot, namespace::read_one, node::node, plateau::Pools, process, rates,
    since::Track,
};
use crate::{
    api::types::{GaugeDoc, PlaceDoc, PlaceKind, SaturationDoc, Unit},
    kernel::net::Netns,
    target::{self, Host},
};

/// A rate is over this long at least.
const INTERVAL: Duration = Duration::from_millis(800);
/// What is older says nothing of the last second; unless readings take long, and so are far between.
const STALE: Duration = Duration::from_secs(5);
const STALE_SHARE: u32 = 40;
/// cgroups, processes and namespaces that are read; the rest is said to be left out.
const MOST_CGROUPS: usize = 256;
const MOST_PROCESSES: usize = 2048;
const MOST_NAMESPACES: usize = 64;
/// Faults that have ended and are still told.
const MOST_ENDED: usize = 20;

/// One cgroup that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its path.
    pub path: String,
    /// Its id.
    pub id: u64,
    /// The processes in exactly this one.
    pub pids: Vec<u32>,
}

/// A live fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFault {
    /// Its id.
    pub id: String,
    /// Since when.
    pub started: SystemTime,
    /// The topmost cgroups of its target.
    pub roots: Vec<String>,
}

impl SeenFault {
    /// Whether a place is of its target, or one that its target is in.
    pub fn has(&self, place: &PlaceDoc) -> bool {
        let ours = |path: &String| is_below(path, &self.roots);
        match place.kind {
            PlaceKind::Node => true,
            PlaceKind::Cgroup => ours(&place.name),
            PlaceKind::Namespace => place.members.iter().any(ours),
            PlaceKind::Listener | PlaceKind::Dependency => place.cgroup.as_ref().is_some_and(ours),
        }
    }
}

fn is_below(path: &str, roots: &[String]) -> bool {
    let below = |root: &String| {
        path.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    roots.iter().any(below)
}

/// What is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The topmost cgroups.
    pub roots: Vec<String>,
    /// They and all below them.
    pub places: Vec<Place>,
    /// The faults that are live.
    pub faults: Vec<SeenFault>,
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// When.
    pub at: Instant,
    /// For people.
    pub wall: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// The topmost cgroups that were to be read.
    pub roots: Vec<String>,
    /// Everything, with totals; rates once it was compared.
    pub places: Vec<PlaceDoc>,
    quotas: BTreeMap<String, u64>,
    waits: BTreeMap<u64, Waits>,
    /// Dependencies: index of the place, open connections, those in use.
    pools: Vec<(usize, u64, u64)>,
    interval: Option<Duration>,
    /// The topmost cgroups that the one before had as well.
    compared: Vec<String>,
    left_out: Vec<String>,
}

/// Reads the node and all of `scope`; `before` is an earlier reading, for what is compared connection by connection.
pub fn read(host: &Host, scope: &Scope, before: Option<&Reading>) -> Reading {
    let at = Instant::now();
    let mut reading = Reading {
        at,
        wall: SystemTime::now(),
        took: Duration::ZERO,
        roots: scope.roots.clone(),
        places: vec![node(host)],
        quotas: BTreeMap::new(),
        waits: BTreeMap::new(),
        pools: Vec::new(),
        interval: None,
        compared: Vec::new(),
        left_out: Vec::new(),
    };
    let (mut left, mut namespaces) = (MOST_PROCESSES, BTreeMap::<u64, (u32, BTreeSet<&str>)>::new());
    for cgroup in scope.places.iter().take(MOST_CGROUPS) {
        let Some((mut place, quota)) = cgroup::read(host, &cgroup.path) else { continue };
        let pids = &cgroup.pids[..cgroup.pids.len().min(left)];
        left -= pids.len();
        process::add(host, pids, &mut place);
        for pid in pids {
            if let Some(inode) = target::netns_inode(host, *pid) {
                namespaces.entry(inode).or_insert((*pid, BTreeSet::new())).1.insert(&cgroup.path);
            }
        }
        reading.places.push(place);
        reading.quotas.extend(quota.map(|quota| (cgroup.path.clone(), quota)));
    }
    let names: BTreeMap<u64, &str> =
        scope.places.iter().map(|place| (place.id, place.path.as_str())).collect();
    let shown = namespaces.len();
    for (inode, (pid, members)) in namespaces.into_iter().take(MOST_NAMESPACES) {
        reading.namespace(host, inode, pid, &members, &names, before);
    }
    let processes: usize = scope.places.iter().map(|place| place.pids.len()).sum();
    for (there, most, what) in [
        (scope.places.len(), MOST_CGROUPS, "cgroups"),
        (processes, MOST_PROCESSES, "processes"),
        (shown, MOST_NAMESPACES, "network namespaces"),
    ] {
        if there > most {
            reading.left_out.push(format!("{} of {there} {what}", there - most));
        }
    }
    reading.took = at.elapsed();
    reading
}

impl Reading {
    fn namespace(
        &mut self,
        host: &Host,
        inode: u64,
        pid: u32,
        members: &BTreeSet<&str>,
        names: &BTreeMap<u64, &str>,
        before: Option<&Self>,
    ) {
        let waits =
            before.and_then(|before| Some((before.waits.get(&inode)?, self.at.duration_since(before.at))));
        let opened = Netns::open(host.proc.join(format!("{pid}/ns/net")));
        let found = opened.and_then(|ns| read_one(host, &ns, waits, |id| names.get(&id).copied()));
        let members = members.iter().map(|path| (*path).to_owned()).collect();
        match found {
            Ok(mut found) => {
                if let Some(place) = found.places.first_mut() {
                    place.members = members;
                }
                self.places.append(&mut found.places);
                for (place, open, in_use) in found.dependencies {
                    self.pools.push((self.places.len(), open, in_use));
                    self.places.push(place);
                }
                self.waits.insert(inode, found.waits);
            }
            Err(error) => {
                let mut place = PlaceDoc::new(PlaceKind::Namespace, format!("net:[{inode}]"));
                place.members = members;
                place.lacks("everything", format!("{error:#}"));
                self.places.push(place);
            }
        }
    }

    fn has_rates(&self, roots: &[String]) -> bool {
        self.interval.is_some()
            && self.covers(roots)
            && roots.iter().all(|root| is_below(root, &self.compared))
    }

    fn covers(&self, roots: &[String]) -> bool {
        roots.iter().all(|root| is_below(root, &self.roots))
    }
}

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
            for (index, open, in_use) in &reading.pools {
                let Some(place) = reading.places.get_mut(*index) else { continue };
                let name = format!("{:?} {} {:?}", place.cgroup, place.name, place.netns);
                self.pools.add(&name, reading.at, *open, *in_use);
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
            left_out: last.left_out.clone(),
        }
    }
}

#[cfg(test)]
impl Reading {
    /// One that nobody took.
    pub(super) fn made(at: Instant, wall: SystemTime, roots: &[&str], places: Vec<PlaceDoc>) -> Self {
        Self {
            at,
            wall,
            took: Duration::ZERO,
            roots: roots.iter().map(|root| (*root).to_owned()).collect(),
            places,
            quotas: BTreeMap::new(),
            waits: BTreeMap::new(),
            pools: Vec::new(),
            interval: None,
            compared: Vec::new(),
            left_out: Vec::new(),
        }
    }
}
