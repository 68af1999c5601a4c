//! One fault, from the moment it is armed until nothing of it is left.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant, SystemTime},
};

use injector_ebpf::{
    draw::{ALWAYS, DRAW_CHANCE},
    reaction::Reaction,
    rtt::Aggregate,
    rule::{Delays, RULE_CLOSES, RULE_SHADOW, Rule, RuleStats},
};

use tracing::warn;

use super::{course::Course, halt::stamp, nothing::Nothing};
use crate::{
    api::types::{AchievedDoc, CleanDoc, CountersDoc, DelayDoc, EndKind, FaultDoc, ReactionDoc, State},
    observe::{Recent, achieved, achieved_delay, signals_between},
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
    /// Who armed it.
    pub by: String,
    /// The rule as the kernel has it: the share of a ramp, and the shadow's flag, change.
    pub rule: Rule,
    /// For how long its ramp was allowed to go up.
    pub held: Duration,
    /// Its windows, and what else is kept of it.
    pub course: Course,
    /// The last second of the target's sums.
    pub target_recent: Recent,
    /// The last second of the control group's.
    pub control_recent: Recent,
    /// When it began to be what it is now, among the faults of this hour.
    pub begun: Instant,
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
    /// The processes, at the last look.
    pub pids: Vec<u32>,
    /// What came later and could not be attached: it is not tried again.
    pub unattached: Vec<Step>,
    /// Sockets that matched when it was armed, if that can be counted.
    pub flows: Option<u64>,
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
    /// How long its device held packets, as far as the kernel measured it, at the last look.
    pub delays: Delays,
    /// How long it was to hold them; `None` if it holds none.
    pub asked_delay: Option<DelayDoc>,
    /// Set while it has matched nothing for a while.
    pub nothing: Option<Nothing>,
    /// What the delay device lost because it was full.
    pub tail_drops: u64,
    /// What it still held when it had to go.
    pub lost_in_drain: u64,
    /// How often the kernel had not run its programs when it was armed: another fault may share them.
    pub missed_before: u64,
    /// The same at the last look, if they are of a kind that it does not always run.
    pub missed: Option<u64>,
    /// What the guard says.
    pub control_verdict: String,
    /// Its host names, with the addresses that the kernel has for them.
    pub named: BTreeMap<String, Vec<IpAddr>>,
    /// What a person should know of its life, oldest first.
    pub notes: Vec<String>,
    /// Since when there has been no cgroup of the target left.
    pub lost_since: Option<Instant>,
}

/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write, since 1970.
const NEVER: Duration = Duration::from_secs(253_402_300_799);

/// More are not kept: a name may have other addresses every ten seconds, for days.
const MOST_NOTES: usize = 32;

/// Time since boot, suspended time included.
pub fn since_boot() -> Duration {
    match nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME) {
        Ok(now) => Duration::from(now),
        // Not on any Linux that can load our programs.
        Err(_) => Duration::ZERO,
    }
}

impl Fault {
    /// Is it there, as a shadow or armed?
    pub fn lives(&self) -> bool {
        self.end.is_none()
    }

    /// Is it a shadow?
    pub fn is_shadow(&self) -> bool {
        self.rule.flags & RULE_SHADOW != 0
    }

    /// Does it act?
    pub fn acts(&self) -> bool {
        self.lives() && !self.is_shadow()
    }

    /// What can be said of it while it is not yet remembered as ended.
    pub fn state(&self) -> State {
        match (self.lives(), self.is_shadow()) {
            (true, true) => State::Shadow,
            (true, false) => State::Armed,
            (false, _) => State::Draining,
        }
    }

    /// Which of its own budgets is spent, if one is.
    pub fn spent(&self) -> Option<String> {
        let budget = self.plan.budget();
        let (units, stats) = (self.plan.most_units(), &self.stats);
        let over = |used: u64, most: Option<u64>| most.filter(|most| used >= *most);
        if let Some(most) = over(stats.acted_wire, units) {
            return Some(format!("its budget of {most} was spent"));
        }
        if let Some(most) = over(stats.acted_bytes, budget.bytes) {
            return Some(format!("its budget of {most} bytes was spent"));
        }
        // The next one would have been too many, such as a large packet with many segments.
        (stats.passed_budget > 0).then(|| "what is left of a budget is less than one packet".to_owned())
    }

    /// Whether the guard sees nothing wrong.
    pub fn control_is_calm(&self) -> bool {
        !self.control_verdict.starts_with("hurt") && !self.control_verdict.starts_with("abort")
    }

    /// The cgroups that it acts on now, and the paths of those that it was armed for, by id.
    pub fn whom(&self) -> (Vec<u64>, BTreeMap<u64, String>) {
        let paths = self.plan.allowed().cgroups.iter().map(|cgroup| (cgroup.id, cgroup.path.clone()));
        (self.cgroups.clone(), paths.collect())
    }

    /// The steps that hold packets.
    pub fn devices(&self) -> impl Iterator<Item = &Step> {
        self.plan.steps().iter().filter(|step| matches!(step, Step::Device { .. }))
    }

    /// Whether this step, or one that it hangs on, could not be attached when it came later.
    pub fn is_given_up(&self, step: &Step) -> bool {
        self.unattached.iter().any(|failed| step.place() == failed.place() || step.hangs_on(failed))
    }

    /// The same for what goes on: it is said once in its life.
    pub fn note_once(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.note(text);
        }
    }

    /// Something that a person should know: in the log and in its document, unless that is what was said last.
    pub fn note(&mut self, text: String) {
        if self.notes.last() == Some(&text) {
            return;
        }
        warn!("{}: {text}", self.id);
        if self.notes.len() >= MOST_NOTES {
            self.notes.remove(0);
        }
        self.notes.push(text);
    }

    /// The longest that a packet can be held.
    pub fn longest_delay(&self) -> Duration {
        self.plan.spec().longest_delay().map(|span| span.duration()).unwrap_or_default()
    }

    /// What came of it, beside what was asked.
    fn achieved(&self) -> AchievedDoc {
        let spec = self.plan.spec();
        let delay = self.asked_delay.clone();
        let delay = delay.map(|asked| achieved_delay(asked, spec.fault.direction(), &self.delays));
        AchievedDoc { delay, ..achieved(spec, &self.stats) }
    }

    /// What the target did next; packets tell nothing of that.
    fn reaction(&self) -> Option<ReactionDoc> {
        let Reaction { livelocks, passed_livelock, retried, exited, restarted, closed, .. } =
            self.stats.reaction;
        (!self.plan.spec().fault.is_network()).then_some(ReactionDoc {
            livelocks,
            passed_livelock,
            retried,
            exited,
            restarted,
            closed: (self.rule.flags & RULE_CLOSES != 0).then_some(closed),
            closes_unseen: self.plan.closes_unseen(),
        })
    }

    /// The document; `state` is the caller's, who knows whether anything is left.
    pub fn doc(&self, state: State) -> FaultDoc {
        let left = if self.lives() { self.ends.saturating_sub(since_boot()) } else { Duration::ZERO };
        let ends = (self.started + self.plan.ttl()).min(SystemTime::UNIX_EPOCH + NEVER);
        let stats = &self.stats;
        // Other draws have no threshold, or one that never changes.
        let chance = self.plan.spec().fault.percent().filter(|_| self.rule.draw.kind == DRAW_CHANCE);
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
            rung: self.plan.rung().map(|(rung, why)| format!("{}: {why}", rung.title())),
            counters: CountersDoc {
                matched: stats.matched,
                acted: stats.acted,
                matched_wire: stats.matched_wire,
                acted_wire: stats.acted_wire,
                acted_bytes: stats.acted_bytes,
                passed_chance: stats.passed_chance,
                passed_deadline: stats.passed_deadline,
                passed_budget: stats.passed_budget,
                passed_rate: stats.passed_rate,
                shadow: stats.shadow,
                shadow_wire: stats.shadow_wire,
                passed_protected: stats.passed_protected,
                unreadable: stats.unreadable,
                other_call: stats.other_call,
                compat: stats.compat,
                io_uring: stats.io_uring,
                tail_drops: self.tail_drops,
                lost_in_drain: self.lost_in_drain,
                missed: self.missed.map(|now| now.saturating_sub(self.missed_before)),
            },
            achieved: self.achieved(),
            reaction: self.reaction(),
            nothing_matched: self.nothing_matched(),
            percent_now: chance.map(|_| percent_of(self.rule.draw.threshold)),
            by: self.by.clone(),
            notes: self.notes.clone(),
            recovery: None,
            recovery_judged: None,
            // Of one fault that is asked for: session/course.rs.
            windows: None,
            amplification: Vec::new(),
            target: signals_between(&self.target_before, &self.target_now),
            control: signals_between(&self.control_before, &self.control_now),
            control_verdict: self.control_verdict.clone(),
            clean: self.end.as_ref().filter(|_| state == State::Ended).map(|end| end.clean.clone()),
        }
    }
}

/// The share that a threshold stands for, rounded to the smallest step there is.
fn percent_of(threshold: u64) -> f64 {
    (threshold as f64 / ALWAYS as f64 * 1e6).round() / 1e4
}
