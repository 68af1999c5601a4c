//! One reading of everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, SystemTime},
};

use super::{
    cgroup,
    dependency::Waits,
    lags::{self, Lags},
    namespace::read_one,
    node::node,
    process,
    scope::{Scope, is_below},
};
use crate::{
    api::types::{PlaceDoc, PlaceKind},
    kernel::net::Netns,
    observe::{Busy, LagsLost},
    target::{self, Host},
};

/// cgroups, processes and namespaces that are read; the rest is said to be left out.
const MOST_CGROUPS: usize = 256;
const MOST_PROCESSES: usize = 2048;
const MOST_NAMESPACES: usize = 64;

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
    pub(super) quotas: BTreeMap<String, u64>,
    waits: BTreeMap<u64, Waits>,
    /// Dependencies: index of the place, open connections, those in use.
    pub(super) pools: Vec<(usize, u64, u64)>,
    /// As in the scope.
    pub(super) busy: Busy,
    pub(super) interval: Option<Duration>,
    /// The topmost cgroups that the one before had as well.
    pub(super) compared: Vec<String>,
    pub(super) left_out: Vec<String>,
    /// What the next reading is compared with.
    lags: Lags,
    pub(super) lost: LagsLost,
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
        busy: scope.busy.clone(),
        interval: None,
        compared: Vec::new(),
        left_out: Vec::new(),
        lags: lags::sums(scope),
        lost: scope.lags.lost,
    };
    let (mut left, mut namespaces) = (MOST_PROCESSES, BTreeMap::<u64, (u32, BTreeSet<&str>)>::new());
    for cgroup in scope.places.iter().take(MOST_CGROUPS) {
        let Some((mut place, quota)) = cgroup::read(host, &cgroup.path) else { continue };
        let pids = &cgroup.pids[..cgroup.pids.len().min(left)];
        left -= pids.len();
        process::add(host, pids, &mut place);
        lags::add(&mut place, &reading.lags, before.map(|before| &before.lags), &scope.lags);
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

    /// Whether it has these cgroups, with rates.
    pub(super) fn has_rates(&self, roots: &[String]) -> bool {
        self.interval.is_some()
            && self.covers(roots)
            && roots.iter().all(|root| is_below(root, &self.compared))
    }

    /// Whether it has these cgroups.
    pub(super) fn covers(&self, roots: &[String]) -> bool {
        roots.iter().all(|root| is_below(root, &self.roots))
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
            busy: Busy::new(),
            interval: None,
            compared: Vec::new(),
            left_out: Vec::new(),
            lags: Lags::new(),
            lost: LagsLost::default(),
        }
    }
}
