//! The faults that are there, each with what was asked beside what came of it.

use crate::{
    api::types::{FaultDoc, Fidelity, State, StatusDoc},
    observe::figures::{micros, span_ms},
};

/// One fault in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Its id.
    pub id: String,
    /// `ARMED`, `SHADOW`, `DRAINING`.
    pub state: &'static str,
    /// What, whom.
    pub what: String,
    /// `12.5 s`.
    pub left: String,
    /// What was asked, as far as it is a number: `5 %`, `80.0 ms`.
    pub asked: String,
    /// What came of it: `5.06 %`.
    pub achieved: String,
    /// The one beside the other: `as asked`, `OFF`, `too few to judge`; empty where they are not compared.
    pub verdict: &'static str,
    /// What somebody should know.
    pub notes: Vec<String>,
}

/// All that have not ended.
pub fn armed(status: &StatusDoc) -> Vec<Armed> {
    status.faults.iter().filter_map(one).collect()
}

fn one(fault: &FaultDoc) -> Option<Armed> {
    let state = match fault.state {
        State::Shadow => "SHADOW",
        State::Armed => "ARMED",
        State::Draining => "DRAINING",
        State::Ended => return None,
    };
    let achieved = &fault.achieved;
    let held = achieved.delay.as_ref();
    let asked = [
        achieved.asked_percent.map(percent),
        held.and_then(|delay| delay.asked).map(|asked| micros(Some(asked.p50_us))),
    ];
    let came = [
        achieved.rate_percent.map(percent),
        held.and_then(|delay| delay.achieved).and_then(|held| held.p50_us).map(|us| micros(Some(us))),
    ];
    let verdict = match achieved.verdict {
        Some(Fidelity::Within) => "as asked",
        Some(Fidelity::Off) => "OFF",
        Some(Fidelity::TooFew) => "too few to judge",
        None => "",
    };
    let nothing = fault.nothing_matched.as_ref();
    let mut notes: Vec<_> = nothing
        .map(|nothing| format!("NOTHING MATCHED for {} s: {}", nothing.seconds, nothing.why))
        .into_iter()
        .collect();
    if fault.control_verdict.starts_with("hurt") {
        notes.push(format!("control group {}", fault.control_verdict));
    }
    Some(Armed {
        id: fault.id.clone(),
        state,
        what: fault.summary.clone(),
        left: span_ms(fault.left_ms),
        asked: together(asked),
        achieved: together(came),
        verdict,
        notes,
    })
}

fn together(parts: [Option<String>; 2]) -> String {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

fn percent(percent: f64) -> String {
    // Two digits after the point, four for what is rare; no zeros at the end.
    let digits = if percent > 0.0 && percent < 0.1 { 1e4 } else { 1e2 };
    format!("{} %", (percent * digits).round() / digits)
}
