//! What may end a fault before anybody asks: its time, its budgets, abort conditions, the control group, the host,
//! and somebody else's hand on what it hangs on.

use std::time::Instant;

use tracing::warn;

use super::{
    engine::{Engine, TICK},
    fault::since_boot,
};
use crate::{
    api::types::EndKind,
    limits::host_verdict,
    observe::{Verdict, quantile, total},
    plan::Step,
    spec::{AbortCondition, GroupMeasured, Measured},
};
use injector_ebpf::{draw::Draw, rtt::Aggregate, rule::Rule};

/// Said once of a fault to which that happens.
const BACKED_OFF: &str = "backed off: a thread repeated the failing call 1000 times in a second; its calls pass for 100 ms each time";

impl Engine {
    /// Every tick: time and budgets, abort conditions, ramps.
    pub(super) fn judge(&mut self) {
        let now = since_boot();
        // Before the faults' own: their programs count its refusals, too.
        self.watch_node_budget();
        for index in 0..self.faults.len() {
            if !self.faults[index].lives() {
                continue;
            }
            self.refresh(index);
            let fault = &self.faults[index];
            if now >= fault.ends {
                self.end(index, EndKind::Expired, "its time was over");
            } else if let Some(spent) = fault.spent() {
                self.end(index, EndKind::Budget, &spent);
            } else if let Some(why) = self.abort_condition(index) {
                self.end(index, EndKind::Aborted, &why);
            } else {
                self.ramp(index);
            }
        }
    }

    /// Reads what the kernel counted.
    pub(super) fn refresh(&mut self, index: usize) {
        let fault = &mut self.faults[index];
        match self.kernel.stats(fault.slot) {
            Ok(stats) => {
                fault.stats = stats;
                if stats.reaction.livelocks > 0 {
                    fault.note_once(BACKED_OFF.to_owned());
                }
            }
            Err(error) => warn!("{}: its counters cannot be read: {error:#}", fault.id),
        }
        match self.kernel.missed(fault.plan.steps()) {
            Ok(missed) => fault.missed = missed,
            Err(error) => warn!("{}: what its programs missed cannot be read: {error:#}", fault.id),
        }
        if fault.asked_delay.is_some()
            && let Ok(delays) = self.kernel.delays(fault.slot)
        {
            fault.delays = delays;
        }
        if let (Ok(target), Ok(control)) = (self.kernel.aggregate(1 + fault.slot), self.kernel.aggregate(0)) {
            fault.target_now = target;
            fault.control_now = control;
        }
    }

    /// The first condition, of the limits or of the fault's own, that is true of the last second.
    fn abort_condition(&mut self, index: usize) -> Option<String> {
        let now = Instant::now();
        let fault = &mut self.faults[index];
        fault.target_recent.look(now, fault.target_now);
        fault.control_recent.look(now, fault.control_now);
        let conditions: Vec<AbortCondition> =
            self.policy.limits.abort.iter().chain(&fault.plan.spec().abort).copied().collect();
        if conditions.is_empty() || !fault.acts() {
            return None;
        }
        let host = self.policy.host_now(&self.host);
        let measured = Measured {
            target: group(&fault.target_recent.window()),
            control: group(&fault.control_recent.window()),
            cpu_pressure: host.cpu_pressure,
            memory_pressure: host.memory_pressure,
            io_pressure: host.io_pressure,
        };
        conditions.iter().find_map(|condition| condition.is_true(&measured))
    }

    /// A step up, while nothing speaks against it.
    fn ramp(&mut self, index: usize) {
        let fault = &mut self.faults[index];
        let Some(ramp) = fault.plan.spec().ramp else { return };
        if !fault.acts() || !fault.control_is_calm() {
            return;
        }
        fault.held += TICK;
        let threshold = ramp.at(fault.held).threshold();
        if threshold == fault.rule.draw.threshold {
            return;
        }
        let rule = Rule { draw: Draw { threshold, ..fault.rule.draw }, ..fault.rule };
        match self.kernel.change_rule(fault.slot, &rule) {
            Ok(()) => fault.rule = rule,
            Err(error) => warn!("{}: its share cannot be raised: {error:#}", fault.id),
        }
    }

    /// The budgets of all faults together.
    fn watch_node_budget(&mut self) {
        match self.kernel.node_refusals() {
            Ok(refusals) if refusals > self.node_refusals => {
                self.node_refusals = refusals;
                self.end_where(
                    |fault| fault.acts(),
                    EndKind::Budget,
                    "the node's budget of this hour was spent",
                );
            }
            Ok(_) => {}
            Err(error) => warn!("the node's budgets cannot be read: {error:#}"),
        }
    }

    /// Every second: everybody else, our devices, the host, and what somebody else may have changed.
    pub(super) fn judge_second(&mut self) {
        self.watch_control();
        self.watch_devices();
        self.watch_host();
        self.watch_drift();
    }

    /// The control group's guard.
    pub(super) fn watch_control(&mut self) {
        let control = match self.kernel.aggregate(0) {
            Ok(control) => control,
            Err(error) => {
                warn!("the control group cannot be read: {error:#}");
                return;
            }
        };
        let verdict = self.guard.tick(&control);
        for fault in self.faults.iter_mut().filter(|fault| fault.lives()) {
            fault.control_verdict = verdict.to_string();
        }
        if let Verdict::Abort(why) = verdict {
            self.end_where(
                |fault| fault.acts(),
                EndKind::Aborted,
                &format!("the control group was hurt: {why}"),
            );
        }
    }

    /// A device that loses packets does more than was asked, unless it limits a rate.
    fn watch_devices(&mut self) {
        for index in 0..self.faults.len() {
            let devices: Vec<_> = self.faults[index].devices().cloned().collect();
            if devices.is_empty() || !self.faults[index].lives() {
                continue;
            }
            let lost: u64 =
                devices.iter().filter_map(|step| self.kernel.held(step).ok()).map(|h| h.tail_drops).sum();
            let loses =
                devices.iter().any(|step| matches!(step, Step::Device { shape, .. } if shape.limits_rate()));
            let fault = &mut self.faults[index];
            fault.tail_drops = lost;
            if !loses && lost * 1000 > fault.stats.acted {
                let why = format!("the delay device's queue was full: {lost} packets were lost");
                self.end(index, EndKind::Aborted, &why);
            }
        }
    }

    /// Load, pressure, memory and disk, and the wall clock that time windows hang on.
    fn watch_host(&mut self) {
        if let Some(why) = self.policy.watch_clock() {
            self.end_where(|_| true, EndKind::Aborted, &why);
        }
        if !self.faults.iter().any(|fault| fault.acts()) {
            return;
        }
        let host = self.policy.host_now(&self.host);
        if let Err(error) = host_verdict(&self.policy.limits, &host) {
            self.end_where(|fault| fault.acts(), EndKind::Aborted, &format!("the host: {}", error.message));
        }
    }

    /// What is declared against what the kernel and the disk say.
    fn watch_drift(&mut self) {
        if let Some(why) = self.policy.watch_file() {
            warn!("{why}");
            self.end_where(|_| true, EndKind::Drift, &why);
        }
        for index in 0..self.faults.len() {
            if !self.faults[index].lives() {
                continue;
            }
            let steps = self.faults[index].plan.steps().to_vec();
            match self.kernel.missing(&steps) {
                Ok(missing) if missing.is_empty() => {}
                Ok(missing) => {
                    let why = format!("removed or changed by somebody else: {}", missing.join("; "));
                    self.end(index, EndKind::Drift, &why);
                }
                Err(error) => {
                    warn!("{}: cannot be compared with the kernel: {error:#}", self.faults[index].id);
                }
            }
        }
    }
}

fn group(window: &Aggregate) -> GroupMeasured {
    // Not the quantiles that are shown: those need 200 samples for a p99, and whoever has few is protected, too.
    let quantile = |permille| quantile(&window.rtt, permille);
    GroupMeasured {
        samples: total(&window.rtt),
        rtt_p50: quantile(500),
        rtt_p90: quantile(900),
        rtt_p99: quantile(990),
        segments: window.segments,
        retransmits: window.retransmits,
    }
}
