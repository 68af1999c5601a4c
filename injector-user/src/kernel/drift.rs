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
    real::{DEVICE_PRIO, MAIN_PRIO, cgroup_programs, device_name},
};
use crate::plan::{Side, Step};

/// What carries a tag of ours, by namespace: each is asked once.
type Inventories = BTreeMap<u64, Vec<Leftover>>;

/// What is needed to look.
pub(super) struct Look<'a> {
    pub object: &'a mut Object,
    pub instance: &'a str,
    pub tcx: bool,
    pub cgroup_root: &'a Path,
    pub netns: &'a BTreeMap<u64, Netns>,
    /// Where the loss programs are attached, on the way in and out: topmost cgroups.
    pub lose_in: Vec<String>,
    pub lose_out: Vec<String>,
    /// Where the programs on calls are attached: family and cgroup.
    pub calls: Vec<(String, String)>,
}

impl Look<'_> {
    /// What is missing of these steps, in words.
    pub(super) fn missing(&mut self, steps: &[Step]) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        let mut inventories = Inventories::new();
        for step in steps {
            let there = match step {
                Step::Egress { netns, index, .. } => {
                    self.hook(&mut inventories, *netns, *index, Side::Egress)?
                }
                Step::Ingress { netns, index, .. } => {
                    self.hook(&mut inventories, *netns, *index, Side::Ingress)?
                }
                Step::Redirect { netns, index, slot, side, .. } => {
                    self.filter(&mut inventories, *netns, *index, *side, DEVICE_PRIO + *slot as u16)?
                }
                Step::Device { netns, slot, side, .. } => {
                    let name = device_name(self.instance, *slot, *side);
                    self.tagged(&mut inventories, *netns, |item| {
                        matches!(item.kind, LeftoverKind::Device { .. }) && item.link == name
                    })?
                }
                Step::CgroupIngress { cgroup } => {
                    let tops = self.lose_in.clone();
                    self.cgroup(cgroup, &tops, names::INGRESS_DROP, query::CGROUP_INGRESS)?
                }
                Step::CgroupEgress { cgroup } => {
                    let tops = self.lose_out.clone();
                    self.cgroup(cgroup, &tops, names::EGRESS_DROP, query::CGROUP_EGRESS)?
                }
                Step::CgroupCall { call, cgroup } => {
                    let of_it = self.calls.iter().filter(|(one, _)| one == call);
                    let tops: Vec<String> = of_it.map(|(_, path)| path.clone()).collect();
                    let mut all = true;
                    for (program, at) in cgroup_programs(call)? {
                        all &= self.cgroup(cgroup, &tops, program, at)?;
                    }
                    all
                }
                // Links of these kinds cannot be detached by anybody but their holder.
                Step::Call { .. } | Step::Compat { .. } | Step::Rings | Step::Closes => true,
            };
            if !there {
                missing.push(step.doc(self.tcx).does);
            }
        }
        Ok(missing)
    }

    /// An interface or a namespace that is gone took what hung on it along: that is no drift, and no harm.
    fn hook(&mut self, inventories: &mut Inventories, netns: u64, index: u32, side: Side) -> Result<bool> {
        if !self.tcx {
            return self.filter(inventories, netns, index, side, MAIN_PRIO);
        }
        let Some(ns) = self.netns.get(&netns) else { return Ok(true) };
        let (program, attached) = match side {
            Side::Egress => (names::EGRESS, query::TCX_EGRESS),
            Side::Ingress => (names::INGRESS, query::TCX_INGRESS),
        };
        let ours = self.object.classifier(program)?.info()?.id();
        Ok(ns.run(|| query::programs(index, attached)).map_or(true, |ids| ids.contains(&ours)))
    }

    fn cgroup(&mut self, cgroup: &str, tops: &[String], program: &str, attached: u32) -> Result<bool> {
        let below = |top: &String| {
            cgroup.strip_prefix(top.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let Some(top) = tops.iter().find(|top| below(top)) else { return Ok(false) };
        let Ok(directory) = File::open(self.cgroup_root.join(top.trim_start_matches('/'))) else {
            return Ok(true);
        };
        let ours = self.object.program(program)?.info()?.id();
        let fd = u32::try_from(directory.as_raw_fd())?;
        Ok(query::programs(fd, attached)?.contains(&ours))
    }

    /// Whether a filter is there, or went with its interface.
    fn filter(
        &self,
        inventories: &mut Inventories,
        netns: u64,
        index: u32,
        side: Side,
        prio: u16,
    ) -> Result<bool> {
        if self.tagged(inventories, netns, |item| is_filter(item, index, side, prio))? {
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

fn is_filter(item: &Leftover, index: u32, way: Side, wanted: u16) -> bool {
    item.index == index
        && matches!(item.kind, LeftoverKind::Filter { side, prio, .. } if prio == wanted && side == way)
}
