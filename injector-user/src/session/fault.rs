//! One fault, from the moment it is armed until nothing of it is left.

use std::time::{Duration, Instant, SystemTime};

use injector_ebpf::{flow::Aggregate, rule::RuleStats};

use super::halt::stamp;
use crate::{
    api::types::{CleanDoc, CountersDoc, EndKind, FaultDoc, State},
    observe::{rate, signals_between},
    plan::{Plan, Step},
};

/// How a fault came to its end.
#[derive(Clone, Debug)]
pub struct End {
    /// For programs.
    pub kind: EndKind,
    /// For people.
    pub reason: String,
    /// When it was decided.
    pub at: SystemTime,
    /// The same, for measuring.
    pub begun: Instant,
    /// Packets that a delay device holds are waited for until then.
    pub drain_until: Instant,
    /// Since when the devices have been empty.
    pub empty_since: Option<Instant>,
    /// What was removed, what was not, and how long it took.
    pub clean: CleanDoc,
}

/// See the module.
#[derive(Debug)]
pub struct Fault {
    /// Short word, unique among all faults of this daemon.
    pub id: String,
    /// The rule's place in the kernel.
    pub slot: u32,
    /// The checked plan that it was made from.
    pub plan: Plan,
    /// When it was armed.
    pub started: SystemTime,
    /// On the clock that goes on while the host is suspended.
    pub ends: Duration,
    /// Set when it no longer selects anything.
    pub end: Option<End>,
    /// cgroups and processes it acts on now.
    pub cgroups: Vec<u64>,
    /// See above.
    pub processes: u64,
    /// Sockets that matched when it was armed.
    pub flows: u64,
    /// The target's sums when it was armed.
    pub target_before: Aggregate,
    /// The control group's.
    pub control_before: Aggregate,
    /// The sums at the last look.
    pub target_now: Aggregate,
    /// The control group's.
    pub control_now: Aggregate,
    /// What the kernel counted, at the last look; final once it has ended.
    pub stats: RuleStats,
    /// What the delay device lost because it was full.
    pub tail_drops: u64,
    /// What it still held when it had to go.
    pub lost_in_drain: u64,
    /// What the guard says.
    pub control_verdict: String,
    /// Since when there has been no cgroup of the target left.
    pub lost_since: Option<Instant>,
}

/// Time since boot, suspended time included.
pub fn since_boot() -> Duration {
    match nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME) {
        Ok(now) => Duration::from(now),
        // Not on any Linux that can load our programs.
        Err(_) => Duration::ZERO,
    }
}

impl Fault {
    /// Does it act?
    pub fn armed(&self) -> bool {
        self.end.is_none()
    }

    /// The steps that hold packets.
    pub fn devices(&self) -> impl Iterator<Item = &Step> {
        self.plan.steps().iter().filter(|step| matches!(step, Step::DelayDevice { .. }))
    }

    /// The longest that a packet can be held.
    pub fn longest_delay(&self) -> Duration {
        self.plan.spec().fault.longest_delay().map(|span| span.duration()).unwrap_or_default()
    }

    /// The document; `state` is the caller's, who knows whether anything is left.
    pub fn doc(&self, state: State) -> FaultDoc {
        let left = if self.armed() { self.ends.saturating_sub(since_boot()) } else { Duration::ZERO };
        let ends = self.started + self.plan.ttl();
        let stats = &self.stats;
        let asked = self.plan.spec().fault.percent().map(|percent| percent.as_f64());
        FaultDoc {
            id: self.id.clone(),
            name: self.plan.spec().name.as_ref().map(|name| name.as_str().to_owned()),
            state,
            summary: self.plan.summary(),
            spec: self.plan.spec().clone(),
            cgroups: self.cgroups.len() as u64,
            processes: self.processes,
            flows: self.flows,
            started: stamp(self.started),
            ends: stamp(ends),
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            ended: self.end.as_ref().map(|end| stamp(end.at)),
            end: self.end.as_ref().map(|end| end.kind),
            end_reason: self.end.as_ref().map(|end| end.reason.clone()),
            rung: self.plan.rung().map(|(rung, why)| format!("{rung}: {why}")),
            counters: CountersDoc {
                matched: stats.matched,
                acted: stats.acted,
                matched_wire: stats.matched_wire,
                acted_wire: stats.acted_wire,
                acted_bytes: stats.acted_bytes,
                passed_chance: stats.passed_chance,
                passed_deadline: stats.passed_deadline,
                passed_budget: stats.passed_budget,
                passed_protected: stats.passed_protected,
                unreadable: stats.unreadable,
                other_call: stats.other_call,
                tail_drops: self.tail_drops,
                lost_in_drain: self.lost_in_drain,
            },
            rate: asked.and_then(|asked| rate(asked, stats.acted, drawn(stats))),
            target: signals_between(&self.target_before, &self.target_now),
            control: signals_between(&self.control_before, &self.control_now),
            control_verdict: self.control_verdict.clone(),
            clean: self.end.as_ref().filter(|_| state == State::Ended).map(|end| end.clean.clone()),
        }
    }
}

/// Of the matches, those for which the dice were thrown.
fn drawn(stats: &RuleStats) -> u64 {
    stats.acted + stats.passed_chance
}
