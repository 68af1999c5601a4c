//! Arming: plan, journal, apply, arm. On the first error everything is undone in reverse.

use std::time::SystemTime;

use tracing::{info, warn};

use super::{
    ask::state,
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
    kernel::{Kernel, net::SockInfo},
    limits::NodeFacts,
    plan::{self, Facts, Plan, Step},
    spec::FaultSpec,
    target,
};

/// Letters that cannot be mistaken for one another.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

impl Engine {
    /// What would happen, and how many sockets match now.
    pub(super) fn plan(&mut self, spec: &FaultSpec) -> Result<(Plan, u64), Error> {
        let limits = self.limits.clone().map_err(|why| {
            Error::refused(format!("nothing can be armed: {}", why.message))
                .hint(why.hint.unwrap_or_else(|| "the limits file must be put right first".into()))
        })?;
        self.protect().map_err(failed)?;
        let targets = spec
            .targets
            .iter()
            .map(|spec| target::resolve(&self.host, spec))
            .collect::<Result<Vec<_>, _>>()?;
        let pids: Vec<u32> = targets.iter().flat_map(|t| t.processes.iter().map(|p| p.pid)).collect();
        let sites =
            if spec.fault.is_network() { self.kernel.sites(&pids).map_err(failed)? } else { Vec::new() };
        let slot = self.free_slot()?;
        let node = NodeFacts {
            armed: self.faults.iter().filter(|fault| fault.armed()).count(),
            ..NodeFacts::unmeasured(SystemTime::now())
        };
        let plan = plan::make(
            spec,
            slot,
            &Facts {
                targets: &targets,
                limits: &limits,
                protection: &self.protection,
                node: &node,
                capabilities: self.kernel.capabilities(),
                sites: &sites,
            },
        )?;
        let flows = if spec.fault.is_network() {
            let sockets = self.kernel.sockets(&pids).map_err(failed)?;
            sockets.iter().filter(|socket| matches(socket, &plan)).count() as u64
        } else {
            0
        };
        Ok((plan, flows))
    }

    fn free_slot(&self) -> Result<u32, Error> {
        (0..injector_ebpf::rule::MAX_RULES as u32)
            .find(|slot| !self.faults.iter().any(|fault| fault.slot == *slot))
            .ok_or_else(|| Error::refused("16 faults are armed or draining").hint("stop one first"))
    }

    fn new_id(&self, spec: &FaultSpec) -> Result<String, Error> {
        let taken = |id: &str| {
            self.faults.iter().any(|fault| fault.id == id) || self.ended.iter().any(|doc| doc.id == id)
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
        let result = self.try_start(spec, who);
        match &result {
            Ok(doc) => info!("{who} armed {}: {}", doc.id, doc.summary),
            Err(error) => info!("{who} was refused: {error}"),
        }
        result
    }

    fn try_start(&mut self, spec: &FaultSpec, who: &Who) -> Result<FaultDoc, Error> {
        // The lever may have been pulled since the last tick.
        self.tick();
        if let Some(halt) = &self.halted {
            return Err(Error::refused(format!(
                "the node is HALTED by {} since {}: {}",
                halt.by, halt.since, halt.why
            ))
            .hint("injector halt --lift allows arming again"));
        }
        let (plan, flows) = self.plan(spec)?;
        let id = self.new_id(spec)?;
        let slot = self.free_slot()?;
        info!("{who} (pid {}) asks for {id}: {}", who.pid, plan.summary());
        self.journal
            .write(&Entry::Begin { id: id.clone(), steps: plan.steps().to_vec(), at: now() })
            .map_err(failed)?;
        if !self.faults.iter().any(Fault::armed) {
            self.kernel.lease(self.settings.lease).map_err(failed)?;
            self.guard.arm();
        }
        let done = self.apply(&plan, slot);
        let made = self.kernel.clsact();
        if !made.is_empty() {
            self.journal.write(&Entry::Clsact { made }).map_err(failed)?;
        }
        if let Err(error) = done {
            let _logged = self.journal.write(&Entry::End { id, at: now() });
            if !self.faults.iter().any(Fault::armed) {
                self.guard.disarm();
            }
            return Err(failed(error));
        }
        let (target, control) =
            (self.kernel.aggregate(1 + slot).map_err(failed)?, self.kernel.aggregate(0).map_err(failed)?);
        let fault = Fault {
            id,
            slot,
            started: SystemTime::now(),
            ends: since_boot() + plan.ttl(),
            end: None,
            cgroups: plan.allowed().cgroups.iter().map(|cgroup| cgroup.id).collect(),
            processes: plan.processes().len() as u64,
            flows,
            target_before: target,
            control_before: control,
            target_now: target,
            control_now: control,
            stats: injector_ebpf::rule::RuleStats::ZERO,
            tail_drops: 0,
            lost_in_drain: 0,
            control_verdict: "not judged: armed just now".into(),
            lost_since: None,
            plan,
        };
        let doc = fault.doc(state(&fault));
        self.faults.push(fault);
        // The rule means nobody until its cgroups are known: this arms it.
        self.publish();
        Ok(doc)
    }

    fn apply(&mut self, plan: &Plan, slot: u32) -> anyhow::Result<()> {
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

/// Does the plan mean this socket's packets?
fn matches(socket: &SockInfo, plan: &Plan) -> bool {
    let ours = socket.cgroup_id.is_some_and(|id| plan.allowed().cgroups.iter().any(|cgroup| cgroup.id == id));
    ours && plan.spec().peer.as_ref().is_none_or(|peer| {
        peer.net.as_ref().is_none_or(|net| net.contains(&socket.remote.ip()))
            && peer.port.is_none_or(|port| port == socket.remote.port())
    })
}
