//! Everything that the kernel programs saw, as they wrote it: what is shown is derived from this.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime},
};

use anyhow::Result;
use injector_ebpf::{
    flow::{DepKey, DepValue, Flow, FlowStats, Rest},
    names,
    rtt::{Aggregate, FlowRtt},
    rule::{CG_WATCH, CgroupEntry, GateStats},
};

use super::{ZERO, kinds::RawKinds, signals::sum};
use crate::kernel::{iter::FlowReader, near, net::Listener, object::Object};

/// How often open and ended flows are read again because a flow ended in between.
const TRIES: usize = 3;

/// Raw numbers of one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub at: SystemTime,
    /// When `jiffies64` was 0; `None` if no flow was ever seen.
    pub epoch: Option<SystemTime>,
    /// How long a tick of it is.
    pub tick: Duration,
    /// Ids of the cgroups whose flows are observed, ascending.
    pub watched: Vec<u64>,
    /// Open flows.
    pub flows: Vec<Flow>,
    /// RTT histograms of those that have one, by the flow's cookie.
    pub histograms: HashMap<u64, FlowRtt>,
    /// Packets at interfaces that no flow counts, by reason; empty where nobody looks.
    pub rest: Vec<Rest>,
    /// Ended flows, by dependency.
    pub deps: Vec<(DepKey, DepValue)>,
    /// Listening sockets of the network namespaces that were looked at.
    pub listeners: Vec<Listener>,
    /// What observation lost.
    pub stats: FlowStats,
    /// What the gate let through.
    pub gate: GateStats,
    /// Kinds of latency and of errors, by dependency; [`Snapshot::take`] leaves them out.
    pub kinds: RawKinds,
}

impl Snapshot {
    /// Reads everything. A flow that ends meanwhile is missing rather than counted twice.
    ///
    /// # Errors
    /// The kernel refused a read.
    pub fn take(object: &mut Object, reader: &mut FlowReader, listeners: Vec<Listener>) -> Result<Self> {
        let mut tries = 0;
        let (mut flows, mut deps) = (Vec::new(), Vec::new());
        let (stats, histograms) = loop {
            let stats = flow_stats(object)?;
            let before = stats.folded;
            reader.expect(stats.created.saturating_sub(before));
            // Ended ones first: what ends between the two reads is in neither.
            deps.clear();
            for entry in object.hash::<DepKey, DepValue>(names::DEPS)?.iter() {
                deps.push(entry?);
            }
            for entry in object.hash::<u64, DepValue>(names::DEPS_REST)?.iter() {
                let (cgroup, value) = entry?;
                deps.push((DepKey::other(cgroup), value));
            }
            flows.clear();
            reader.read(|some| flows.extend_from_slice(some))?;
            // Of these flows: that of one which ends before it is read would be in its dependency, which was read before.
            let histograms = reader.histograms()?;
            let stats = flow_stats(object)?;
            tries += 1;
            if stats.folded == before || tries == TRIES {
                break (stats, histograms);
            }
        };
        let at = SystemTime::now();
        let epoch = reader.epoch(|ticks| object.span(ticks))?;
        Ok(Self {
            at,
            epoch,
            tick: object.span(1),
            watched: watched(object)?,
            flows,
            histograms,
            rest: Vec::new(),
            deps,
            listeners,
            stats,
            gate: gate(object)?,
            kinds: RawKinds::default(),
        })
    }

    /// When a flow was seen that was seen at this value of `jiffies64`; `None` if it was not. Nor is there a time before
    /// 1970, in which a host without a clock of its own begins.
    pub fn when(&self, last: u64) -> Option<SystemTime> {
        let nanos = u64::try_from(self.tick.as_nanos()).ok()?.checked_mul(last)?;
        let seen = if last == 0 { None } else { self.epoch?.checked_add(Duration::from_nanos(nanos)) };
        seen.filter(|seen| *seen >= SystemTime::UNIX_EPOCH)
    }
}

/// One sum over all CPUs: 0 is the control group, 1 + slot the target of a rule.
///
/// # Errors
/// The kernel refused the read.
pub fn read_aggregate(object: &mut Object, index: u32) -> Result<Aggregate> {
    Ok(sum(object.per_cpu::<Aggregate>(names::AGGREGATES)?.get(&index, 0)?.iter()))
}

/// The sums of every cgroup. Entries of cgroups that are gone are removed, so that there is room for new ones.
///
/// # Errors
/// The kernel refused a read.
pub fn read_cgroups(object: &mut Object, exists: &dyn Fn(u64) -> bool) -> Result<BTreeMap<u64, Aggregate>> {
    let mut map = object.per_cpu_hash::<u64, Aggregate>(names::CG_AGGREGATES)?;
    let mut found = BTreeMap::new();
    let mut gone = Vec::new();
    for entry in map.iter() {
        let (id, cpus) = entry?;
        if exists(id) {
            found.insert(id, sum(cpus.iter()));
        } else {
            gone.push(id);
        }
    }
    for id in gone {
        let _raced = map.remove(&id);
    }
    near::read(object, exists, |id, one| {
        let all = found.entry(id).or_insert(ZERO);
        *all = sum([&*all, one]);
    })?;
    Ok(found)
}

/// What observation lost, and what it made.
///
/// # Errors
/// The kernel refused the read.
pub fn flow_stats(object: &mut Object) -> Result<FlowStats> {
    Ok(object.array(names::FLOW_STATS)?.get(&0, 0)?)
}

/// What the gate let through.
///
/// # Errors
/// The kernel refused the read.
pub fn gate(object: &mut Object) -> Result<GateStats> {
    let mut all = GateStats::default();
    for cpu in object.per_cpu::<GateStats>(names::GATE_STATS)?.get(&0, 0)?.iter() {
        all.halted += cpu.halted;
        all.lapsed += cpu.lapsed;
        all.unattributed += cpu.unattributed;
        all.unparsed += cpu.unparsed;
    }
    Ok(all)
}

fn watched(object: &mut Object) -> Result<Vec<u64>> {
    let cgroups = object.hash::<u64, CgroupEntry>(names::CGROUPS)?;
    let mut ids = Vec::new();
    for entry in cgroups.iter() {
        let (id, entry) = entry?;
        if entry.flags & CG_WATCH != 0 {
            ids.push(id);
        }
    }
    ids.sort_unstable();
    Ok(ids)
}
