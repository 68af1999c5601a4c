//! Whom the faults mean at this moment, who is observed, and what is protected: looked at again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use injector_ebpf::rule::{CG_PROTECTED, CG_WATCH, CgroupEntry};
use tracing::warn;

use super::{engine::Engine, fault::Fault};
use crate::{api::types::EndKind, config::Observe, limits::Protection, target};

impl Engine {
    /// New cgroups are checked, vanished and newly protected ones are left out.
    pub(super) fn rescan(&mut self) {
        if let Err(error) = self.protect(&[]) {
            warn!("the protections cannot be read again: {error:#}");
        }
        let now = Instant::now();
        for fault in self.faults.iter_mut().filter(|fault| fault.end.is_none()) {
            let (mut ids, mut pids) = (Vec::new(), Vec::new());
            for root in fault.plan.roots() {
                for cgroup in target::subtree(&self.host, root).unwrap_or_default() {
                    if self.protection.why_protected(&cgroup.path).is_none() {
                        pids.extend(target::pids(&self.host, &cgroup.path).unwrap_or_default());
                        ids.push(cgroup.id);
                    }
                }
            }
            fault.lost_since = if ids.is_empty() { fault.lost_since.or(Some(now)) } else { None };
            (fault.cgroups, fault.processes, fault.pids) = (ids, pids.len() as u64, pids);
        }
        self.end_where(
            |fault| fault.lost_since.is_some(),
            EndKind::TargetLost,
            "no cgroup of the target is left",
        );
        self.end_grown();
        self.follow_interfaces();
        self.publish();
    }

    /// A target that has grown over the limits since it was armed.
    fn end_grown(&mut self) {
        let (cgroups, processes) =
            (u64::from(self.policy.limits.max_cgroups), u64::from(self.policy.limits.max_processes));
        self.end_where(
            |fault| fault.cgroups.len() as u64 > cgroups,
            EndKind::Aborted,
            &format!("the target has grown over max_cgroups of {cgroups}"),
        );
        self.end_where(
            |fault| fault.processes > processes,
            EndKind::Aborted,
            &format!("the target has grown over max_processes of {processes}"),
        );
    }

    /// Writes the cgroups into the kernel: whom the rules mean, and who is observed.
    pub(super) fn publish(&mut self) {
        let mut entries: BTreeMap<u64, CgroupEntry> = BTreeMap::new();
        for fault in self.faults.iter().filter(|fault| fault.lives()) {
            for id in &fault.cgroups {
                let entry = entries.entry(*id).or_default();
                entry.rules |= 1 << fault.slot;
                entry.flags |= CG_WATCH;
            }
        }
        let roots = self.watched_roots();
        let all = self.settings.observe == Observe::Host;
        // Where all are observed, their entries say nothing of it.
        for root in roots.iter().filter(|_| !all) {
            for cgroup in target::subtree(&self.host, root).unwrap_or_default() {
                let entry = entries.entry(cgroup.id).or_default();
                entry.flags |= CG_WATCH;
                if self.protection.why_protected(&cgroup.path).is_some() {
                    entry.flags |= CG_PROTECTED;
                }
            }
        }
        self.add_lags(&mut entries);
        let written = self.kernel.set_cgroups(&entries);
        self.unpublished = written.is_err();
        if let Err(error) = written {
            warn!("the cgroups cannot be written: {error:#}");
        }
        self.attach_observers(self.faults.iter().any(Fault::lives), &roots);
    }

    /// Has all attached that observes these as well, and that judges a fault, before one begins: for the first one that takes
    /// longer than some leases.
    pub(super) fn observe_too(&mut self, more: &[String]) {
        let mut roots = self.watched_roots();
        if self.settings.observe == Observe::Targets {
            roots.extend_from_slice(more);
        }
        self.attach_observers(true, &roots);
    }

    /// Has all attached that observes these cgroups, and what a fault is `judged` by.
    fn attach_observers(&mut self, judged: bool, roots: &[String]) {
        if let Err(error) = self.kernel.probe(judged || self.settings.observe != Observe::Off) {
            warn!("round trips cannot be observed: {error:#}");
        }
        if let Err(error) = self.kernel.observe(roots, self.settings.observe == Observe::Host) {
            warn!("the cgroups cannot be observed: {error:#}");
        }
    }

    pub(super) fn watched_roots(&mut self) -> Vec<String> {
        match self.settings.observe {
            Observe::Off => return Vec::new(),
            Observe::Host => return vec!["/".to_owned()],
            Observe::Targets => {}
        }
        let now = Instant::now();
        self.watch_until.retain(|(_, until)| *until > now);
        let specs = self.settings.watch.iter().chain(self.watch_until.iter().map(|(spec, _)| spec));
        let found = specs.filter_map(|spec| target::resolve(&self.host, spec).ok()).flatten();
        let mut roots: Vec<String> = found.map(|found| found.path).collect();
        let live = self.faults.iter().filter(|fault| fault.lives());
        roots.extend(live.flat_map(|fault| fault.plan.roots().iter().cloned()));
        roots
    }

    /// Reads again what is protected, and tells the kernel. `also`: processes that a fault is about to touch.
    pub(super) fn protect(&mut self, also: &[u32]) -> anyhow::Result<()> {
        let list = self.policy.limits.protect.clone();
        let mut protection = Protection::gather(&self.host, std::process::id(), &list)?;
        let mut seen = BTreeSet::new();
        let armed = self.faults.iter().flat_map(|fault| fault.plan.processes()).map(|process| process.pid);
        let now = self.faults.iter().flat_map(|fault| fault.pids.iter().copied());
        for pid in armed.chain(now).chain(also.iter().copied()) {
            // Every namespace may have a gateway of its own; a process that ended has none any more.
            if target::netns_inode(&self.host, pid).is_some_and(|inode| seen.insert(inode)) {
                let _gone = protection.add_gateways(&self.host, Some(pid));
            }
        }
        self.kernel.protect(&protection)?;
        self.protection = protection;
        Ok(())
    }
}
