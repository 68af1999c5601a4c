//! Arming: plan, audit, journal, apply, arm. On the first error everything is undone in reverse.

use std::time::{Duration, SystemTime};

use injector_ebpf::{
    flow::Aggregate,
    rule::{RULE_SHADOW, RuleStats},
};
use tracing::{info, warn};

use super::{
    audit::{Action, Decision},
    engine::Engine,
    fault::{Fault, since_boot},
    halt::now,
    handle::Who,
    instance::random,
    journal::Entry,
};
use crate::{
    api::types::FaultDoc,
    error::Error,
    kernel::Kernel,
    limits::may_arm,
    observe::Recent,
    plan::{Plan, Step},
    spec::FaultSpec,
};

/// Letters that cannot be mistaken for one another.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

impl Engine {
    pub(super) fn free_slot(&self) -> Result<u32, Error> {
        (0..injector_ebpf::rule::MAX_RULES as u32)
            .find(|slot| !self.faults.iter().any(|fault| fault.slot == *slot))
            .ok_or_else(|| Error::refused("16 faults are armed or draining").hint("stop one first"))
    }

    fn new_id(&self, spec: &FaultSpec) -> Result<String, Error> {
        let taken = |id: &str| {
            self.faults.iter().any(|fault| fault.id == id)
                || self.ended.iter().any(|doc| doc.id == id)
                || self.pending.has(id)
        };
        if let Some(name) = &spec.name {
            let armed = self.faults.iter().any(|fault| fault.id == name.as_str());
            return if armed {
                Err(Error::usage(format!("a fault named {name} is armed already")).hint("take another name"))
            } else {
                Ok(name.as_str().to_owned())
            };
        }
        loop {
            let mut dice = random();
            let mut id = format!("{}-", spec.fault.verb());
            for _ in 0..3 {
                id.push(char::from(LETTERS[(dice % LETTERS.len() as u64) as usize]));
                dice /= LETTERS.len() as u64;
            }
            if !taken(&id) {
                return Ok(id);
            }
        }
    }

    /// Makes it happen, or changes nothing.
    pub(super) fn start(&mut self, spec: &FaultSpec, who: &Who) -> Result<FaultDoc, Error> {
        let result = self.try_start(spec, who, None);
        self.tell(&result, if spec.shadow { Action::Shadow } else { Action::Arm }, who);
        result
    }

    fn tell(&mut self, result: &Result<FaultDoc, Error>, action: Action, who: &Who) {
        match result {
            Ok(doc) => info!("{who} armed {}: {}", doc.id, doc.summary),
            Err(error) => {
                info!("{who} was refused: {error}");
                self.record(&Decision::refused(action, who, error));
            }
        }
    }

    /// Makes a shadow real, or arms what a second person has approved.
    pub(super) fn arm(&mut self, id: &str, who: &Who) -> Result<FaultDoc, Error> {
        let result = self.try_arm(id, who);
        self.tell(&result, Action::Arm, who);
        result
    }

    fn try_arm(&mut self, id: &str, who: &Who) -> Result<FaultDoc, Error> {
        if let Some(pending) = self.pending.take(id) {
            let pending = pending?;
            return self.try_start(&pending.spec, who, Some(pending.id));
        }
        let id = self.find(id)?.id;
        let shadow =
            self.faults.iter().position(|fault| fault.id == id && fault.lives() && fault.is_shadow());
        let Some(index) = shadow else {
            return Err(Error::usage(format!("{id} is no shadow: there is nothing to arm"))
                .hint("injector status shows which faults are shadows"));
        };
        self.may_begin(false)?;
        let spec = FaultSpec { shadow: false, ..self.faults[index].plan.spec().clone() };
        // The same request once more, against the limits as they are now; the shadow itself does not count.
        let (plan, _) = self.plan(&spec, Some(index))?;
        self.approved(&plan, &id, who)?;
        let decision = Decision::allowed(Action::Arm, who).fault(&id).spec(&spec, &plan.summary());
        self.audit.record(&decision)?;
        let fault = &mut self.faults[index];
        fault.rule.flags &= !RULE_SHADOW;
        fault.plan.made_real();
        let (slot, rule) = (fault.slot, fault.rule);
        self.kernel.change_rule(slot, &rule).map_err(failed)?;
        self.policy.began();
        let fault = &self.faults[index];
        Ok(fault.doc(fault.state()))
    }

    /// Nothing speaks against arming anything.
    fn may_begin(&mut self, shadow: bool) -> Result<(), Error> {
        // The lever may have been pulled since the last tick.
        self.tick();
        self.refuse_halted()?;
        self.policy.refuse()?;
        may_arm(&self.policy.limits, shadow)
    }

    /// What exceeds a soft limit waits for a second person.
    fn approved(&mut self, plan: &Plan, id: &str, who: &Who) -> Result<(), Error> {
        let over = &plan.allowed().needs_approval;
        if over.is_empty() {
            return Ok(());
        }
        let id = if self.faults.iter().any(|fault| fault.id == id) {
            self.new_id(plan.spec())?
        } else {
            id.to_owned()
        };
        Err(self.pending.add(id, plan.spec(), who, plan.summary(), over))
    }

    /// `approved` is the id of a request that a second person agreed to.
    fn try_start(
        &mut self,
        spec: &FaultSpec,
        who: &Who,
        approved: Option<String>,
    ) -> Result<FaultDoc, Error> {
        self.may_begin(spec.shadow)?;
        let (plan, flows) = self.plan(spec, None)?;
        let id = match approved {
            Some(id) => id,
            None => {
                let id = self.new_id(spec)?;
                if !spec.shadow {
                    self.approved(&plan, &id, who)?;
                }
                id
            }
        };
        let slot = self.free_slot()?;
        info!("{who} (pid {}) asks for {id}: {}", who.pid, plan.summary());
        // Nothing is done that cannot be recorded.
        let action = if spec.shadow { Action::Shadow } else { Action::Arm };
        self.audit.record(&Decision::allowed(action, who).fault(&id).spec(spec, &plan.summary()))?;
        self.journal
            .write(&Entry::Begin { id: id.clone(), steps: plan.steps().to_vec(), at: now() })
            .map_err(|error| failed(error).hint("nothing is armed that cannot be journalled"))?;
        if !self.faults.iter().any(Fault::lives) {
            self.guard.arm();
        }
        let fault = match self.make(id.clone(), slot, plan, flows, who) {
            Ok(fault) => fault,
            Err(error) => {
                let _logged = self.journal.write(&Entry::End { id, at: now() });
                if !self.faults.iter().any(Fault::lives) {
                    self.guard.disarm();
                }
                return Err(failed(error));
            }
        };
        let doc = fault.doc(fault.state());
        self.faults.push(fault);
        self.policy.began();
        // The rule means nobody until its cgroups are known: this arms it.
        self.publish();
        Ok(doc)
    }

    /// Attaches and arms it; on an error nothing of it is left.
    fn make(&mut self, id: String, slot: u32, plan: Plan, flows: u64, who: &Who) -> anyhow::Result<Fault> {
        let before = (self.kernel.aggregate(1 + slot)?, self.kernel.aggregate(0)?);
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
            started: SystemTime::now(),
            ends: since_boot() + plan.ttl(),
            end: None,
            by: who.to_string(),
            rule: *plan.rule(),
            held: Duration::ZERO,
            before: before.unwrap_or(crate::observe::ZERO),
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
            undo(self.kernel.as_mut(), done.into_iter().rev());
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

pub(super) fn failed(error: impl Into<anyhow::Error>) -> Error {
    Error::failed(format!("{:#}", error.into()))
}
