//! The programs that tell how long requests to disks take and tasks wait for a CPU: attached while any cgroup is observed
//! for it. The places of their histograms are made here, for the programs take no memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::Result;
use aya::programs::{BtfTracePoint, tp_btf::BtfTracePointLink};
use injector_ebpf::{
    dep::ABSURD_NS,
    lag::{InFlight, LAG_KINDS, Lag, LagKey, LagLost, RUN_QUEUE},
    names,
    rule::{CG_LAG, CgroupEntry},
};

use super::kinds::now;
use crate::{
    kernel::object::Object,
    observe::{BLOCK_IO, CPU, LagsLost, RawLags},
};

/// How often it is looked for requests whose end was missed.
const SWEEP: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lags {
    /// The configuration asks for the run queue as well.
    run_queue: bool,
    attached: bool,
    /// For their descriptors.
    held: Vec<BtfTracePointLink>,
    missing: Vec<(&'static str, String)>,
    places: BTreeSet<u64>,
    unfinished: u64,
    swept: Option<Instant>,
}

impl Lags {
    /// Nothing yet.
    pub(super) fn new(run_queue: bool) -> Self {
        Self { run_queue, ..Self::default() }
    }

    fn kinds(&self) -> impl Iterator<Item = u32> + use<> {
        let run_queue = self.run_queue;
        (0..LAG_KINDS).filter(move |kind| run_queue || *kind != RUN_QUEUE)
    }

    /// Makes places for who is observed, before they are. Who finds none is counted by the programs.
    ///
    /// # Errors
    /// There is no such map.
    pub(super) fn make_places(
        &mut self,
        object: &mut Object,
        entries: &BTreeMap<u64, CgroupEntry>,
    ) -> Result<()> {
        let mut map = object.hash::<LagKey, Lag>(names::LAGS)?;
        for cgroup in observed(entries).filter(|cgroup| !self.places.contains(cgroup)).collect::<Vec<_>>() {
            let made =
                self.kinds().all(|kind| map.insert(LagKey { cgroup, kind, pad: 0 }, Lag::ZERO, 0).is_ok());
            if made {
                self.places.insert(cgroup);
            }
        }
        Ok(())
    }

    /// Attaches for who is observed now; without anybody, nothing stays attached and no place is kept. A tracepoint that
    /// this kernel lacks, or refuses, is what is missing.
    ///
    /// # Errors
    /// There is no such map.
    pub(super) fn follow(&mut self, object: &mut Object, entries: &BTreeMap<u64, CgroupEntry>) -> Result<()> {
        let wanted: BTreeSet<u64> = observed(entries).collect();
        if wanted.is_empty() {
            self.held.clear();
            self.attached = false;
        } else if !self.attached {
            self.attached = true;
            self.attach(object)?;
        }
        let mut map = object.hash::<LagKey, Lag>(names::LAGS)?;
        for cgroup in self.places.difference(&wanted) {
            for kind in 0..LAG_KINDS {
                let _gone = map.remove(&LagKey { cgroup: *cgroup, kind, pad: 0 });
            }
        }
        self.places.retain(|cgroup| wanted.contains(cgroup));
        Ok(())
    }

    /// What began while nobody looked has no beginning: the address may be another request's by now.
    fn attach(&mut self, object: &mut Object) -> Result<()> {
        clear::<u64, InFlight>(object, names::IN_FLIGHT)?;
        clear::<u32, u64>(object, names::WAITING)?;
        self.missing.clear();
        let mut all = vec![(BLOCK_IO, names::IO.as_slice())];
        if self.run_queue {
            all.push((CPU, names::RUN_QUEUE.as_slice()));
        }
        for (what, programs) in all {
            match programs.iter().map(|name| hold(object, name)).collect::<Result<Vec<_>>>() {
                Ok(held) => self.held.extend(held),
                Err(error) => self.missing.push((what, format!("{error:#}"))),
            }
        }
        Ok(())
    }

    /// Everything that was seen so far.
    ///
    /// # Errors
    /// The kernel refused a read.
    pub(super) fn read(&mut self, object: &mut Object) -> Result<RawLags> {
        self.sweep(object)?;
        let lags = object.hash::<LagKey, Lag>(names::LAGS)?.iter().flatten().collect();
        Ok(RawLags { lags, lost: self.lost(object)?, missing: self.missing.clone() })
    }

    /// What was lost.
    ///
    /// # Errors
    /// The kernel refused the read.
    pub(super) fn lost(&self, object: &mut Object) -> Result<LagsLost> {
        let seen = object.array::<LagLost>(names::LAG_LOST)?.get(&0, 0)?;
        Ok(LagsLost { seen, unfinished: self.unfinished })
    }

    /// Gives up requests whose end was missed: they would take somebody else's room for ever.
    fn sweep(&mut self, object: &mut Object) -> Result<()> {
        if self.swept.is_some_and(|at| at.elapsed() < SWEEP) {
            return Ok(());
        }
        self.swept = Some(Instant::now());
        let now = now();
        let mut map = object.hash::<u64, InFlight>(names::IN_FLIGHT)?;
        let old = |known: &InFlight| now.saturating_sub(known.issued.max(known.queued)) > ABSURD_NS;
        let late: Vec<u64> = map.iter().flatten().filter(|(_, known)| old(known)).map(|(at, _)| at).collect();
        self.unfinished += late.iter().filter(|at| map.remove(*at).is_ok()).count() as u64;
        Ok(())
    }
}

fn observed(entries: &BTreeMap<u64, CgroupEntry>) -> impl Iterator<Item = u64> + '_ {
    entries.iter().filter(|(_, entry)| entry.flags & CG_LAG != 0).map(|(id, _)| *id)
}

fn clear<K: aya::Pod, V: aya::Pod>(object: &mut Object, name: &str) -> Result<()> {
    let mut map = object.hash::<K, V>(name)?;
    for key in map.keys().flatten().collect::<Vec<_>>() {
        let _gone = map.remove(&key);
    }
    Ok(())
}

fn hold(object: &mut Object, name: &str) -> Result<BtfTracePointLink> {
    object.load_lags(&[name])?;
    let program: &mut BtfTracePoint = object.program(name)?.try_into()?;
    let link = program.attach()?;
    Ok(program.take_link(link)?)
}
