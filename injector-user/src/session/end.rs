//! The one path on which every fault ends: expiry, stop, abort, halt, budget, lost target, lapse, shutdown.

use std::time::{Duration, Instant, SystemTime};

use tracing::{error, info};

use super::{
    engine::Engine,
    fault::{End, Fault},
    make::undo,
    recovering::Recovering,
};
use crate::{
    api::types::{CleanDoc, EndKind, RecoveryDoc, State},
    observe::{Recovery, Window},
    plan::Step,
};

/// A device that reports an empty queue has handed its last packet to a tasklet: it is given this long.
const SETTLED: Duration = Duration::from_millis(100);

/// A fault that selects nothing any more.
struct Freed {
    /// When that began.
    begun: Instant,
    /// The tick of its last moment, as the kernel tells it.
    tick: Option<u64>,
    freed: Result<(), String>,
}

impl Engine {
    /// Ends all armed faults that `which` names.
    pub(super) fn end_where(&mut self, which: impl Fn(&Fault) -> bool, kind: EndKind, reason: &str) {
        let ending: Vec<usize> = (0..self.faults.len())
            .filter(|index| self.faults[*index].lives() && which(&self.faults[*index]))
            .collect();
        self.end_all(&ending, kind, reason);
    }

    /// Ends this one.
    pub(super) fn end(&mut self, index: usize, kind: EndKind, reason: &str) {
        self.end_all(&[index], kind, reason);
    }

    /// From here on they select nothing: the rules are freed, and every program that was still running has ended
    /// when that returns. Then all that hangs on them is undone in reverse, one after the other; a delay device stays
    /// until it is empty.
    fn end_all(&mut self, ending: &[usize], kind: EndKind, reason: &str) {
        if ending.is_empty() {
            return;
        }
        let begun = Instant::now();
        // A deadline of now: stops them before anything else, and tells the tick at which that was.
        let slots: Vec<u32> = ending.iter().map(|index| self.faults[*index].slot).collect();
        let ticks: Vec<Option<u64>> =
            slots.iter().map(|slot| self.kernel.deadline(*slot, Duration::ZERO).ok()).collect();
        let freed = self.kernel.free_rules(&slots).map_err(|error| format!("{error:#}"));
        for (index, tick) in ending.iter().zip(ticks) {
            self.take_away(*index, Freed { begun, tick, freed: freed.clone() }, kind, reason);
        }
    }

    fn take_away(&mut self, index: usize, Freed { begun, tick, freed }: Freed, kind: EndKind, reason: &str) {
        let fault = &mut self.faults[index];
        let mut clean = CleanDoc::default();
        if let Err(error) = freed {
            error!("{}: its rule cannot be freed: {error}", fault.id);
            clean.left.push(format!("rule {}: {error}", fault.slot));
        }
        if let Ok(stats) = self.kernel.stats(fault.slot) {
            if let Some(tick) = tick
                && stats.last > tick
            {
                let after = self.kernel.span(stats.last - tick);
                clean.last_fault_after_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            }
            fault.stats = stats;
        }
        if let Ok(missed) = self.kernel.missed(fault.plan.steps()) {
            fault.missed = missed;
        }
        if fault.asked_delay.is_some()
            && let Ok(delays) = self.kernel.delays(fault.slot)
        {
            // What is still held is not measured: the program that does it goes now.
            fault.delays = delays;
        }
        let steps = fault.plan.steps().iter().rev().filter(|step| !matches!(step, Step::Device { .. }));
        clean.left.extend(undo(self.kernel.as_mut(), steps));
        info!("{} ended: {reason}", fault.id);
        fault.end = Some(End {
            kind,
            reason: reason.to_owned(),
            at: SystemTime::now(),
            begun,
            drain_until: begun + fault.longest_delay() + Duration::from_secs(1),
            empty_since: None,
            clean,
        });
        self.end_course(index, begun);
        self.publish();
        let fault = &self.faults[index];
        // A request to arm it has nothing left to arm.
        self.pending.withdraw(&fault.id);
        if !fault.is_shadow() {
            // Its name may have been another one's, a moment ago.
            self.recovering.retain(|one| one.id != fault.id);
            self.recovering.push(Recovering {
                id: fault.id.clone(),
                cgroups: fault.cgroups.clone(),
                recovery: Recovery::new(fault.course.target.before.unwrap_or(Window::EMPTY)),
                since: begun,
            });
        }
        if !self.faults.iter().any(Fault::acts) {
            self.guard.disarm();
        }
        if !self.faults.iter().any(Fault::lives)
            && let Err(error) = self.kernel.forget_ends()
        {
            error!("the targets' ends cannot be forgotten: {error:#}");
        }
    }

    /// Lets go of the delay devices that are empty, or that have had their time.
    pub(super) fn drain(&mut self) {
        self.settle_asking();
        let now = Instant::now();
        let mut index = 0;
        while index < self.faults.len() {
            if self.faults[index].lives() || !self.is_drained(index, now) {
                index += 1;
                continue;
            }
            self.finish(index);
        }
    }

    fn is_drained(&mut self, index: usize, now: Instant) -> bool {
        let (mut held, mut lost) = (0, 0);
        for step in self.faults[index].devices() {
            if let Ok(device) = self.kernel.held(step) {
                held += device.packets;
                lost += device.tail_drops;
            }
        }
        let fault = &mut self.faults[index];
        let none = fault.devices().next().is_none();
        fault.tail_drops = fault.tail_drops.max(lost);
        let Some(end) = &mut fault.end else { return false };
        end.empty_since = if held == 0 { end.empty_since.or(Some(now)) } else { None };
        let settled = end.empty_since.is_some_and(|since| now.duration_since(since) >= SETTLED);
        if none || settled {
            return true;
        }
        fault.lost_in_drain = held;
        now >= end.drain_until
    }

    /// Takes the last of it away and remembers how it went.
    fn finish(&mut self, index: usize) {
        let mut fault = self.faults.remove(index);
        let Some(mut end) = fault.end.take() else { return };
        if end.empty_since.is_some() {
            fault.lost_in_drain = 0;
        }
        let left = undo(self.kernel.as_mut(), fault.devices());
        end.clean.left.extend(left);
        end.clean.removed =
            fault.plan.steps().iter().map(|step| step.doc(self.kernel.capabilities().tcx).does).collect();
        if self.faults.is_empty() {
            match self.kernel.inventory() {
                Ok(left) => end.clean.left.extend(left),
                Err(error) => end.clean.left.push(format!("cannot be told: {error:#}")),
            }
        }
        end.clean.took_ms = u64::try_from(end.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        fault.end = Some(end);
        let mut doc = fault.doc(State::Ended);
        doc.recovery = self.recovering.iter().any(|one| one.id == doc.id).then_some(RecoveryDoc::Waiting);
        self.remember(doc, fault.course);
    }
}
