//! What came of a fault, beside what was asked of it.

use injector_ebpf::rule::RuleStats;

use super::rate::{fidelity, interval};
use crate::{
    api::types::{AchievedDoc, AmountDoc, PassedDoc},
    spec::{Draw, FaultKind, FaultSpec, Gilbert},
};

/// All but the delay, which is measured elsewhere.
pub fn achieved(spec: &FaultSpec, stats: &RuleStats) -> AchievedDoc {
    let network = spec.fault.is_network();
    let skbs = |skbs| AmountDoc { skbs, ..AmountDoc::default() };
    // A call is one call, and has no bytes.
    let amount = |skbs, wire, bytes| AmountDoc {
        skbs,
        wire: network.then_some(wire),
        bytes: network.then_some(bytes),
    };
    let (deadline, budget, rate, protected) =
        (stats.passed_deadline, stats.passed_budget, stats.passed_rate, stats.passed_protected);
    let livelock = stats.reaction.passed_livelock;
    let mut doc = AchievedDoc {
        matched: amount(stats.matched, stats.matched_wire, stats.matched_bytes),
        acted: amount(stats.acted, stats.acted_wire, stats.acted_bytes),
        shadow: amount(stats.shadow, stats.shadow_wire, stats.shadow_bytes),
        passed_chance: skbs(stats.passed_chance),
        passed_gate: PassedDoc {
            skbs: deadline + budget + rate + protected + livelock,
            deadline,
            budget,
            rate,
            protected,
            livelock,
        },
        failed: skbs(stats.failed),
        asked_percent: asked(spec).map(|share| share * 100.0),
        ..AchievedDoc::default()
    };
    judge(&mut doc, spec, stats);
    doc
}

/// The rate, and what can be said of it.
fn judge(doc: &mut AchievedDoc, spec: &FaultSpec, stats: &RuleStats) {
    let taken = stats.acted + stats.shadow;
    // What could not be done after all was drawn, counted as taken, and let through unharmed (programs/work.rs).
    let hits = taken.saturating_sub(stats.failed);
    // The dice come before the budgets (programs/gate.rs): what a budget refused had been drawn.
    let drawn = taken + stats.passed_chance + stats.passed_budget + stats.passed_rate;
    if drawn == 0 {
        return;
    }
    let share = hits as f64 / drawn as f64;
    doc.rate_percent = Some(share * 100.0);
    let worth = match spec.fault.draw() {
        Some(Draw::Flows(_)) => return,
        Some(Draw::Bursts(chain)) => drawn as f64 / inflation(&chain),
        _ => drawn as f64,
    };
    let (low, high) = interval(share, worth);
    doc.interval_percent = Some([low * 100.0, high * 100.0]);
    doc.verdict = asked(spec).map(|asked| fidelity(asked, share, worth));
}

/// The share that was asked for in the long run, as a fraction of 1; exact, not rounded as for the limits.
fn asked(spec: &FaultSpec) -> Option<f64> {
    if spec.ramp.is_some() {
        return None;
    }
    match &spec.fault {
        FaultKind::Refuse { above: Some(_), .. } => None,
        fault => match fault.draw() {
            // All that match.
            None => Some(1.0),
            Some(Draw::Chance(percent) | Draw::Flows(percent)) => Some(percent.fraction()),
            Some(Draw::Bursts(chain)) => Some(chain.share()),
            Some(Draw::Every(nth)) => Some(1.0 / f64::from(nth)),
            Some(Draw::First(_) | Draw::After(_) | Draw::PerSecond(_)) => None,
        },
    }
}

/// How many packets of a chain tell as much as one that is drawn by itself, at least 1.
///
/// The variance of a mean of n numbers that depend on the ones before is that of independent ones times 1 + 2 x the
/// sum of their autocorrelations. In a chain of two states the state's one at lag k is (1 - p - r)^k (lag-1
/// autocorrelation 1 - p - r); the losses have the part of it that the state explains, (bad - good)^2 x its variance
/// of theirs. With losses of 100 % and 0 % that is (2 - p - r) / (p + r).
fn inflation(chain: &Gilbert) -> f64 {
    let (p, r) = (chain.p.fraction(), chain.r.fraction());
    let (bad, good) = (chain.loss_bad.fraction(), chain.loss_good.map_or(0.0, |percent| percent.fraction()));
    let (state, loss) = (p / (p + r), chain.share());
    let variance = loss * (1.0 - loss);
    if variance <= 0.0 {
        return 1.0;
    }
    let explained = (bad - good).powi(2) * state * (1.0 - state) / variance;
    // A chain that changes more often than not is more even than chance. That is not claimed.
    (1.0 + 2.0 * explained * (1.0 - p - r) / (p + r)).max(1.0)
}

#[cfg(test)]
#[path = "achieved_tests.rs"]
mod tests;
