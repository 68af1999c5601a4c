//! A plan becomes a fault: apply, budget, deadline, rule. On the first error everything is undone in reverse.

use std::time::{Duration, SystemTime};

use injector_ebpf::{flow::Aggregate, rule::RuleStats};
use tracing::warn;

use super::{
    engine::Engine,
    fault::{Fault, since_boot},
    handle::Who,
    journal::Entry,
};
use crate::{
    kernel::Kernel,
    observe::{Recent, ZERO},
    plan::{Plan, Step},
};

impl Engine {
    /// Attaches and arms it; on an error nothing of it is left.
    pub(super) fn make(
        &mut self,
        id: String,
        slot: u32,
        plan: Plan,
        flows: u64,
        who: &Who,
    ) -> anyhow::Result<Fault> {
        let before = (self.kernel.aggregate(1 + slot)?, self.kernel.aggregate(0)?);
        // Attaching can take most of a lease, and others live on it.
        self.beat();
        let applied = self.apply(&plan, slot);
        // Also of what failed: a qdisc may have been made.
        let made = self.kernel.clsact();
        let journalled = if made.is_empty() { Ok(()) } else { self.journal.write(&Entry::Clsact { made }) };
        applied?;
        if let Err(error) = journalled {
            let freed = self.kernel.free_rule(slot);
            undo(self.kernel.as_mut(), plan.steps().iter().rev());
            freed?;
            return Err(error);
        }
        Ok(self.new_fault(id, slot, plan, flows, who, before))
    }

    fn new_fault(
        &mut self,
        id: String,
        slot: u32,
        plan: Plan,
        flows: u64,
        who: &Who,
        (target, control): (Aggregate, Aggregate),
    ) -> Fault {
        let cgroups: Vec<u64> = plan.allowed().cgroups.iter().map(|cgroup| cgroup.id).collect();
        let before = self.sums().map(|sums| self.history.window(&sums, &cgroups));
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
            before: before.unwrap_or(ZERO),
            target_recent: Recent::default(),
            control_recent: Recent::default(),
            cgroups,
            processes: plan.processes().len() as u64,
            flows,
            target_before: target,
            control_before: control,
            target_now: target,
            control_now: control,
            stats: RuleStats::ZERO,
            tail_drops: 0,
            lost_in_drain: 0,
            control_verdict: "not judged: armed just now".into(),
            lost_since: None,
            plan,
        }
    }

    fn apply(&mut self, plan: &Plan, slot: u32) -> anyhow::Result<()> {
        let first = !self.faults.iter().any(Fault::lives);
        let mut done: Vec<&Step> = Vec::new();
        let mut result = Ok(());
        for step in plan.steps() {
            result = self.kernel.apply(step);
            if result.is_err() {
                break;
            }
            done.push(step);
        }
        let result = result
            .and_then(|()| self.kernel.set_budget(slot, plan.budget()))
            // Attaching can take longer than a lease: the gate opens when all of it is there.
            .and_then(|()| if first { self.kernel.lease(self.settings.lease) } else { Ok(()) })
            .and_then(|()| self.kernel.deadline(slot, plan.ttl()).map(|_| ()))
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
