//! A plan becomes a fault: apply, budget, deadline, rule. On the first error everything is undone in reverse.

use std::time::{Duration, SystemTime};

use injector_ebpf::{
    rtt::Aggregate,
    rule::{Delays, RuleStats},
};
use tracing::warn;

use super::{
    engine::Engine,
    fault::{Fault, since_boot},
    handle::Who,
    journal::Entry,
    names::Found,
};
use crate::{
    kernel::Kernel,
    observe::{Recent, asked_delay},
    plan::{Plan, Step},
};

impl Engine {
    /// Attaches and arms it; on an error nothing of it is left. `flows` match now, and its host names mean `named`.
    pub(super) fn make(
        &mut self,
        id: String,
        slot: u32,
        plan: Plan,
        (flows, named): (Option<u64>, Found),
        who: &Who,
    ) -> anyhow::Result<Fault> {
        // Attaching can take most of a lease, and others live on it.
        self.beat();
        self.observe_too(plan.roots());
        let before = (self.kernel.aggregate(1 + slot)?, self.kernel.aggregate(0)?);
        let missed_before = self.kernel.missed(plan.steps())?.unwrap_or(0);
        self.beat();
        self.clsact_comes(plan.steps())?;
        self.apply(&plan, slot)?;
        Ok(Fault { missed_before, ..self.new_fault(id, slot, plan, (flows, named), who, before) })
    }

    /// Whoever cleans up must know which qdiscs are ours before they are there.
    pub(super) fn clsact_comes(&mut self, steps: &[Step]) -> anyhow::Result<()> {
        let made = self.kernel.lacking_clsact(steps)?;
        if made.is_empty() { Ok(()) } else { self.journal.write(&Entry::Clsact { made }) }
    }

    fn new_fault(
        &mut self,
        id: String,
        slot: u32,
        plan: Plan,
        (flows, named): (Option<u64>, Found),
        who: &Who,
        (target, control): (Aggregate, Aggregate),
    ) -> Fault {
        let cgroups: Vec<u64> = plan.allowed().cgroups.iter().map(|cgroup| cgroup.id).collect();
        let paths = plan.allowed().cgroups.iter().map(|cgroup| (cgroup.id, cgroup.path.clone())).collect();
        let course = self.begin_course(&cgroups, paths);
        Fault {
            id,
            slot,
            begun: self.policy.begins(),
            started: SystemTime::now(),
            ends: since_boot() + plan.ttl(),
            end: None,
            by: who.to_string(),
            rule: *plan.rule(),
            held: Duration::ZERO,
            course,
            target_recent: Recent::default(),
            control_recent: Recent::default(),
            cgroups,
            processes: plan.processes().len() as u64,
            pids: plan.processes().iter().map(|process| process.pid).collect(),
            unattached: Vec::new(),
            flows,
            target_before: target,
            control_before: control,
            target_now: target,
            control_now: control,
            stats: RuleStats::ZERO,
            delays: Delays::ZERO,
            asked_delay: asked_delay(plan.steps()),
            nothing: None,
            tail_drops: 0,
            lost_in_drain: 0,
            missed_before: 0,
            missed: None,
            control_verdict: "not judged: armed just now".into(),
            lost_since: None,
            named,
            notes: Vec::new(),
            plan,
        }
    }

    fn apply(&mut self, plan: &Plan, slot: u32) -> anyhow::Result<()> {
        let first = !self.faults.iter().any(Fault::lives);
        let mut done: Vec<&Step> = Vec::new();
        let mut result = Ok(());
        for step in plan.steps() {
            if !first {
                // Attaching takes time, and others live on the lease.
                self.beat();
            }
            super::failpoint::die(&self.settings.state_dir, done.len());
            result = self.kernel.apply(step);
            if result.is_err() {
                break;
            }
            done.push(step);
        }
        super::failpoint::die(&self.settings.state_dir, done.len());
        let result = result
            .and_then(|()| self.kernel.set_budget(slot, plan.budget()))
            // Attaching can take longer than a lease: the gate opens when all of it is there.
            .and_then(|()| if first { self.kernel.lease(self.settings.lease) } else { Ok(()) })
            .and_then(|()| self.kernel.deadline(slot, plan.ttl()).map(|_| ()))
            .and_then(|()| self.kernel.set_addresses(slot, plan.addresses()))
            .and_then(|()| self.kernel.set_rule(slot, plan.rule()));
        if result.is_err() {
            // Whatever the kernel took of it before it refused.
            let freed = self.kernel.free_rule(slot);
            undo(self.kernel.as_mut(), done.into_iter().rev());
            freed?;
        }
        result
    }
}

/// Undoes, and goes on after an error: what can be taken away is.
pub(super) fn undo<'a>(kernel: &mut dyn Kernel, steps: impl Iterator<Item = &'a Step>) -> Vec<String> {
    let mut left = Vec::new();
    for step in steps {
        if let Err(error) = kernel.undo(step) {
            warn!("{step:?} cannot be undone: {error:#}");
            left.push(format!("{step:?}: {error:#}"));
        }
    }
    left
}
