//! Arming: plan, approval, audit, journal; then the kernel.

use std::time::Instant;

use injector_ebpf::rule::{RULE_SHADOW, Rule};
use tracing::info;

use super::{
    audit::{Action, Decision},
    engine::Engine,
    fault::Fault,
    halt::now,
    handle::Who,
    instance::random,
    journal::Entry,
    names::Found,
    pending::{Asked, Pending},
    planning::For,
};
use crate::{
    api::types::{EndKind, FaultDoc},
    error::Error,
    limits::may_arm,
    plan::Plan,
    spec::FaultSpec,
};

/// Letters that cannot be mistaken for one another.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

impl Engine {
    /// The lowest place that is free: rules are asked in the order of their places, so a fault may be asked before one
    /// that is older, where another one has ended.
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
            let name = name.as_str();
            return if self.faults.iter().any(|fault| fault.id == name) {
                Err(Error::usage(format!("a fault named {name} is armed already")).hint("take another name"))
            } else if self.pending.has(name) {
                // Whoever is about to approve it must get what he has read.
                Err(Error::usage(format!("a request named {name} waits for approval already"))
                    .hint("take another name"))
            } else {
                Ok(name.to_owned())
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
    pub(super) fn start(&mut self, spec: &FaultSpec, names: &Found, who: &Who) -> Result<FaultDoc, Error> {
        let result = self.may_begin(spec.shadow).and_then(|()| self.try_start(spec, names, who, None));
        self.tell(&result, Action::begins(spec.shadow), who);
        result
    }

    /// Whether a start could be asked for, whatever its names mean.
    pub(super) fn may_start(&mut self, shadow: bool, who: &Who) -> Result<(), Error> {
        self.may_begin(shadow).inspect_err(|error| self.tell_refused(error, Action::begins(shadow), who))
    }

    fn tell(&mut self, result: &Result<FaultDoc, Error>, action: Action, who: &Who) {
        match result {
            Ok(doc) => info!("{who} armed {}: {}", doc.id, doc.summary),
            Err(error) => self.tell_refused(error, action, who),
        }
    }

    fn tell_refused(&mut self, error: &Error, action: Action, who: &Who) {
        info!("{who} was refused: {error}");
        self.record(&Decision::refused(action, who, error));
    }

    /// Makes a shadow real, or arms what a second person has approved.
    pub(super) fn arm(&mut self, id: &str, who: &Who) -> Result<FaultDoc, Error> {
        let result = self.try_arm(id, who);
        self.tell(&result, Action::Arm, who);
        result
    }

    fn try_arm(&mut self, id: &str, who: &Who) -> Result<FaultDoc, Error> {
        // First: it may end faults, and what is found before it may be another one after it.
        self.may_begin(false)?;
        if let Some(pending) = self.pending.approved(id) {
            let pending = pending?;
            let doc = match self.shadow(&pending.id) {
                Some(index) => self.make_real(index, who, Some(&pending)),
                None => self.try_start(&pending.asked.spec, &pending.asked.names, who, Some(&pending)),
            }?;
            self.pending.withdraw(&pending.id);
            return Ok(doc);
        }
        let id = self.find(id)?.id;
        let Some(index) = self.shadow(&id) else {
            return Err(Error::usage(format!("{id} is no shadow: there is nothing to arm"))
                .hint("injector status shows which faults are shadows"));
        };
        self.make_real(index, who, None)
    }

    /// The place of the shadow with this id.
    fn shadow(&self, id: &str) -> Option<usize> {
        self.faults.iter().position(|fault| fault.id == id && fault.lives() && fault.is_shadow())
    }

    /// One write, if the limits of now allow it. What it is attached to stays.
    fn make_real(&mut self, index: usize, who: &Who, approved: Option<&Pending>) -> Result<FaultDoc, Error> {
        let (plan, _) = self.plan_for(For::Arming(index))?;
        let id = self.faults[index].id.clone();
        let names = self.faults[index].named.clone();
        self.approved(&plan, &names, &id, who, approved)?;
        self.audit.record(&begins(Action::Arm, &plan, &id, who, approved))?;
        self.refresh(index);
        let (ids, paths) = self.faults[index].whom();
        let course = self.begin_course(&ids, paths);
        if !self.faults.iter().any(Fault::acts) {
            self.guard.arm();
        }
        let fault = &mut self.faults[index];
        let rule = Rule { flags: fault.rule.flags & !RULE_SHADOW, ..fault.rule };
        if let Err(error) = self.kernel.change_rule(fault.slot, &rule) {
            if !self.faults.iter().any(Fault::acts) {
                self.guard.disarm();
            }
            return Err(failed(error));
        }
        fault.rule = rule;
        fault.plan.made_real();
        // It begins now: what the shadow saw was before it.
        fault.course = course;
        (fault.target_before, fault.control_before) = (fault.target_now, fault.control_now);
        fault.begun = self.policy.begins_again(fault.begun);
        fault.nothing = None;
        Ok(fault.doc(fault.state()))
    }

    /// Nothing speaks against arming anything.
    fn may_begin(&mut self, shadow: bool) -> Result<(), Error> {
        if self.shutting_down {
            return Err(Error::unreachable("the daemon is ending"));
        }
        // The lever may have been pulled, and the lease may have run out, since the last tick. Not a tick for every
        // request: they would take a ramp up faster than its time.
        self.watch_halt();
        if Instant::now() >= self.next_tick {
            self.tick();
        }
        self.refuse_halted()?;
        self.policy.refuse()?;
        may_arm(&self.policy.limits, shadow)
    }

    /// What exceeds a soft limit waits for a second person. Whatever was approved is for the targets that this one saw.
    fn approved(
        &mut self,
        plan: &Plan,
        names: &Found,
        id: &str,
        who: &Who,
        approved: Option<&Pending>,
    ) -> Result<(), Error> {
        if let Some(pending) = approved
            && let Err(error) = pending.still_means(plan.roots())
        {
            self.pending.withdraw(id);
            return Err(error);
        }
        let over = &plan.allowed().needs_approval;
        if over.is_empty() || approved.is_some_and(|pending| pending.covers(over)) {
            return Ok(());
        }
        let spec = FaultSpec { shadow: false, ..plan.spec().clone() };
        let asked =
            Asked { spec, names: names.clone(), summary: plan.summary(), roots: plan.roots().to_vec() };
        Err(self.pending.add(id.to_owned(), asked, who, over))
    }

    /// `approved` is the request that a second person agreed to, if it is one.
    fn try_start(
        &mut self,
        spec: &FaultSpec,
        names: &Found,
        who: &Who,
        approved: Option<&Pending>,
    ) -> Result<FaultDoc, Error> {
        let (plan, flows) = self.plan_for(For::New(spec, names))?;
        let id = match approved {
            Some(pending) => pending.id.clone(),
            None => self.new_id(spec)?,
        };
        if !spec.shadow {
            self.approved(&plan, names, &id, who, approved)?;
        }
        let slot = self.free_slot()?;
        self.settle()?;
        info!("{who} (pid {}) asks for {id}: {}", who.pid, plan.summary());
        // Nothing is done that cannot be recorded.
        self.audit.record(&begins(Action::begins(spec.shadow), &plan, &id, who, approved))?;
        self.journal
            .write(&Entry::Begin { id: id.clone(), steps: plan.steps().to_vec(), at: now() })
            .map_err(|error| failed(error).hint("nothing is armed that cannot be journalled"))?;
        if !spec.shadow && !self.faults.iter().any(Fault::acts) {
            self.guard.arm();
        }
        let fault = match self.make(id.clone(), slot, plan, (flows, names.clone()), who) {
            Ok(fault) => fault,
            Err(error) => {
                let _logged = self.journal.write(&Entry::End { id, at: now() });
                if !self.faults.iter().any(Fault::acts) {
                    self.guard.disarm();
                }
                // Its target is not observed.
                self.publish();
                return Err(failed(error));
            }
        };
        for name in names.keys() {
            // They have just been found: that one of them is silent would be news for this fault.
            self.names.resolves(name);
        }
        self.hub.armed(slot, &fault.id);
        self.faults.push(fault);
        // The rule means nobody until its cgroups are known: this arms it.
        self.publish();
        let index = self.faults.len() - 1;
        if self.unpublished {
            let why = "its cgroups cannot be written, and it would mean nobody";
            self.end(index, EndKind::Aborted, why);
            return Err(Error::failed(format!("{id}: {why}")).hint("the daemon's log says why"));
        }
        let fault = &self.faults[index];
        Ok(fault.doc(fault.state()))
    }

    /// A slot that was freed must mean nobody before it is another rule's.
    fn settle(&mut self) -> Result<(), Error> {
        if self.unpublished {
            self.publish();
        }
        if self.unpublished {
            return Err(Error::failed("the kernel's table of cgroups cannot be written")
                .hint("the daemon's log says why; nothing is armed meanwhile"));
        }
        Ok(())
    }
}

/// What the audit log says of it.
fn begins(action: Action, plan: &Plan, id: &str, who: &Who, approved: Option<&Pending>) -> Decision {
    let decision = Decision::allowed(action, who).fault(id).spec(plan.spec(), &plan.summary());
    match approved.and_then(Pending::approved_by) {
        Some(second) => decision.reason(&format!("approved by {second}")),
        None => decision,
    }
}

pub(super) fn failed(error: impl Into<anyhow::Error>) -> Error {
    Error::failed(format!("{:#}", error.into()))
}
