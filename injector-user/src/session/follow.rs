//! Interfaces that come later, and namespaces to which a target comes later: a live fault is attached to them, too.

use std::collections::BTreeSet;

use injector_ebpf::{
    means::Means,
    rule::{HOOK_EGRESS, HOOK_INGRESS, Rule},
};

use super::{engine::Engine, fault::Fault, halt::now, journal::Entry};
use crate::plan::{Site, Step};

/// At most so many steps at one look, so that a tick stays short; the others come at the next one.
const AT_ONCE: usize = 16;

/// Whether it hangs on interfaces.
fn hangs_on_interfaces(fault: &Fault) -> bool {
    // Without a process, its namespace cannot be told: the one that is looked at then is ours.
    fault.lives() && fault.rule.hook & (HOOK_EGRESS | HOOK_INGRESS) != 0 && !fault.pids.is_empty()
}

impl Engine {
    /// At every rescan: where each target is now, against where its fault is attached.
    pub(super) fn follow_interfaces(&mut self) {
        for index in 0..self.faults.len() {
            if !hangs_on_interfaces(&self.faults[index]) {
                continue;
            }
            match self.kernel.sites(&self.faults[index].pids) {
                Ok(sites) => self.follow(index, sites),
                Err(error) => {
                    let why = format!("it cannot be told which interfaces the target has: {error:#}");
                    self.faults[index].note_once(why);
                }
            }
        }
    }

    fn follow(&mut self, index: usize, mut sites: Vec<Site>) {
        let fault = &mut self.faults[index];
        let interface = asked_for(fault, &sites);
        if let Some(interface) = interface {
            for site in &mut sites {
                site.links.retain(|(index, _)| *index == interface);
            }
        }
        let mut missing = fault.plan.missing(fault.slot, &sites, &self.protection);
        missing.retain(|step| !fault.is_given_up(step));
        missing.truncate(AT_ONCE);
        if !missing.is_empty() {
            self.attach(index, missing);
        }
        let fault = &mut self.faults[index];
        if let Some(interface) = interface.filter(|now| *now != fault.rule.means.interface && fault.lives()) {
            let rule = Rule { means: Means { interface, ..fault.rule.means }, ..fault.rule };
            match self.kernel.change_rule(fault.slot, &rule) {
                Ok(()) => {
                    fault.rule = rule;
                    fault.note(format!("its interface has the index {interface} now"));
                }
                Err(error) => fault.note_once(format!("its interface cannot be followed: {error:#}")),
            }
        }
    }

    /// As when it was armed: on disk first, so that whoever cleans up knows of it.
    fn attach(&mut self, index: usize, steps: Vec<Step>) {
        // The target may have come to another gateway: it is protected before the first packet to it is faulted.
        let ready = self.protect(&[]).and_then(|()| {
            let id = self.faults[index].id.clone();
            self.journal.write(&Entry::More { id, steps: steps.clone(), at: now() })?;
            self.clsact_comes(&steps)
        });
        if let Err(error) = ready {
            self.faults[index].note_once(format!("what came later is not attached: {error:#}"));
            return;
        }
        // Attaching takes time, and others live on the lease; one that has lapsed ends them all.
        self.beat();
        if !self.faults[index].lives() {
            return;
        }
        let fault = &mut self.faults[index];
        let mut done: Vec<Step> = Vec::new();
        for step in steps {
            if fault.is_given_up(&step) {
                continue;
            }
            match self.kernel.apply(&step) {
                Ok(()) => done.push(step),
                Err(error) => {
                    let what = step.doc(self.kernel.capabilities().tcx).does;
                    fault.note_once(format!("not attached, its packets are not faulted: {what}: {error:#}"));
                    fault.unattached.push(step);
                }
            }
        }
        let links: BTreeSet<&str> = done.iter().filter_map(Step::link).collect();
        if !links.is_empty() {
            let links: Vec<&str> = links.into_iter().collect();
            fault.note(format!("attached to what came later: {}", links.join(", ")));
        }
        fault.plan.extended(done);
    }
}

/// The index that the interface has that was asked for: the one that is in the rule while it is there, else another one
/// by the same name.
fn asked_for(fault: &mut Fault, sites: &[Site]) -> Option<u32> {
    let name = fault.plan.spec().matching.interface.clone()?;
    let links = sites.iter().flat_map(|site| &site.links);
    let found: BTreeSet<u32> =
        links.filter(|(_, link)| link == name.as_str()).map(|(index, _)| *index).collect();
    let known = fault.rule.means.interface;
    if found.len() > 1 {
        let name = name.as_str();
        fault.note_once(format!("{name} is another interface in each of its namespaces: one is followed"));
    }
    match found.iter().next() {
        Some(other) if !found.contains(&known) => Some(*other),
        _ => Some(known),
    }
}
