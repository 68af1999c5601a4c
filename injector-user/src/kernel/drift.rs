//! Declared against real: is everything that a fault hangs on still where it was put?

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    os::fd::AsRawFd as _,
    path::Path,
};

use anyhow::Result;
use injector_ebpf::names;

use super::{
    net::{self, Leftover, LeftoverKind, Netns, Rtnl},
    object::Object,
    query,
    real::{DELAY_PRIO, DROP_PRIO},
};
use crate::plan::Step;

/// What carries a tag of ours, by namespace: each is asked once.
type Inventories = BTreeMap<u64, Vec<Leftover>>;

/// What is needed to look.
pub(super) struct Look<'a> {
    pub object: &'a mut Object,
    pub instance: &'a str,
    pub tcx: bool,
    pub cgroup_root: &'a Path,
    pub netns: &'a BTreeMap<u64, Netns>,
    /// Where the ingress program is attached: topmost cgroups.
    pub ingress: Vec<String>,
}

impl Look<'_> {
    /// What is missing of these steps, in words.
    pub(super) fn missing(&mut self, steps: &[Step]) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        let mut inventories = Inventories::new();
        for step in steps {
            let there = match step {
                Step::DropEgress { netns, index, .. } if self.tcx => self.tcx(*netns, *index)?,
                Step::DropEgress { netns, index, .. } => {
                    self.filter(&mut inventories, *netns, *index, DROP_PRIO)?
                }
                Step::DelayFilter { netns, index, slot, .. } => {
                    self.filter(&mut inventories, *netns, *index, DELAY_PRIO + *slot as u16)?
                }
                Step::DelayDevice { netns, slot, .. } => {
                    let name = net::device_name(self.instance, u16::try_from(*slot).unwrap_or(u16::MAX));
                    self.tagged(&mut inventories, *netns, |item| {
                        matches!(item.kind, LeftoverKind::Device { .. }) && item.link == name
                    })?
                }
                Step::DropIngress { cgroup } => self.ingress(cgroup)?,
                // Links of these kinds cannot be detached by anybody but their holder.
                Step::Open { .. } => true,
            };
            if !there {
                missing.push(step.doc(self.tcx).does);
            }
        }
        Ok(missing)
    }

    /// An interface or a namespace that is gone took what hung on it along: that is no drift, and no harm.
    fn tcx(&mut self, netns: u64, index: u32) -> Result<bool> {
        let Some(ns) = self.netns.get(&netns) else { return Ok(true) };
        let ours = self.object.classifier(names::EGRESS_DROP)?.info()?.id();
        Ok(ns.run(|| query::programs(index, query::TCX_EGRESS)).map_or(true, |ids| ids.contains(&ours)))
    }

    fn ingress(&mut self, cgroup: &str) -> Result<bool> {
        let below = |top: &String| {
            cgroup.strip_prefix(top.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let Some(top) = self.ingress.iter().find(|top| below(top)) else { return Ok(false) };
        let Ok(directory) = File::open(self.cgroup_root.join(top.trim_start_matches('/'))) else {
            return Ok(true);
        };
        let program: &mut aya::programs::CgroupSkb =
            self.object.program(names::INGRESS_DROP)?.0.try_into()?;
        let ours = program.info()?.id();
        let fd = u32::try_from(directory.as_raw_fd())?;
        Ok(query::programs(fd, query::CGROUP_INGRESS)?.contains(&ours))
    }

    /// Whether a filter is there, or went with its interface.
    fn filter(&self, inventories: &mut Inventories, netns: u64, index: u32, prio: u16) -> Result<bool> {
        if self.tagged(inventories, netns, |item| is_filter(item, index, prio))? {
            return Ok(true);
        }
        let Some(ns) = self.netns.get(&netns) else { return Ok(true) };
        Ok(!Rtnl::open(ns)?.links()?.iter().any(|link| link.index == index))
    }

    fn tagged(
        &self,
        inventories: &mut Inventories,
        netns: u64,
        which: impl Fn(&Leftover) -> bool,
    ) -> Result<bool> {
        let Some(ns) = self.netns.get(&netns) else { return Ok(true) };
        let found = match inventories.entry(netns) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(net::inventory(ns)?),
        };
        Ok(found.iter().any(|item| item.instance == self.instance && which(item)))
    }
}

fn is_filter(item: &Leftover, index: u32, wanted: u16) -> bool {
    item.index == index && matches!(item.kind, LeftoverKind::Filter { prio, .. } if prio == wanted)
}
