//! What came of a fault, beside what was asked: in the line of a second, and in full.

use super::{
    table::Table,
    text::{bytes, count, micros},
};
use crate::api::types::{AchievedDelayDoc, AmountDoc, DelayDoc, FaultDoc, Fidelity};

/// `5.06 % [4.43, 5.76], asked 5`; `None` while nothing was drawn.
pub(super) fn rate(fault: &FaultDoc) -> Option<String> {
    let achieved = &fault.achieved;
    let mut text = format!("{} %", percent(achieved.rate_percent?));
    if let Some([low, high]) = achieved.interval_percent {
        text += &format!(" [{}, {}]", percent(low), percent(high));
    }
    if let Some(asked) = achieved.asked_percent {
        text += &format!(", asked {}", (asked * 1e4).round() / 1e4);
    }
    if fault.spec.ramp.is_some() {
        text += &format!(", now {} %", fault.percent_now.unwrap_or_default());
    }
    if achieved.verdict == Some(Fidelity::Off) {
        text += ", OFF";
    }
    Some(text)
}

/// `  p50 80.0 ms p99 99.6 ms (asked 80.0 ms/99.6 ms)`; empty where nothing is held or nothing was measured.
pub(super) fn delay(fault: &FaultDoc) -> String {
    let Some(DelayDoc { asked, achieved: Some(achieved), .. }) = &fault.achieved.delay else {
        return String::new();
    };
    let asked = asked.map_or_else(String::new, |asked| {
        format!(" (asked {}/{})", micros(Some(asked.p50_us)), micros(Some(asked.p99_us)))
    });
    format!("  held p50 {} p99 {}{asked}", micros(achieved.p50_us), micros(achieved.p99_us))
}

/// Everything, for one fault.
pub(super) fn lines(fault: &FaultDoc) -> Vec<String> {
    let mut lines = parts(fault);
    lines.extend(rate(fault).map(|rate| {
        let verdict = match fault.achieved.verdict {
            Some(Fidelity::Within) => ": as asked",
            Some(Fidelity::TooFew) => ": too few to judge",
            Some(Fidelity::Off) | None => "",
        };
        format!("  rate {rate}{verdict}")
    }));
    lines.extend(fault.achieved.delay.iter().flat_map(held));
    lines.extend(nothing(fault).map(|nothing| format!("  {nothing}")));
    lines
}

/// `NOTHING MATCHED for 7 s: the target has no socket`.
pub(super) fn nothing(fault: &FaultDoc) -> Option<String> {
    let nothing = fault.nothing_matched.as_ref()?;
    Some(format!("NOTHING MATCHED for {} s: {}", count(nothing.seconds), nothing.why))
}

/// The table of what matched and what became of it. What is always shown comes first.
fn parts(fault: &FaultDoc) -> Vec<String> {
    let (achieved, counters) = (&fault.achieved, &fault.counters);
    let gate = &achieved.passed_gate;
    let skbs = |skbs| AmountDoc { skbs, ..AmountDoc::default() };
    let always = [
        ("matched", achieved.matched),
        ("acted", achieved.acted),
        ("passed by chance", achieved.passed_chance),
        ("passed by the gate", skbs(gate.skbs)),
    ];
    let some = [
        ("  after its time", skbs(gate.deadline)),
        ("  after its budget", skbs(gate.budget)),
        ("  over this second's budget", skbs(gate.rate)),
        ("  protected", skbs(gate.protected)),
        ("  backed off", skbs(gate.livelock)),
        ("as a shadow", achieved.shadow),
        ("could not be done", achieved.failed),
        ("with an unreadable path", skbs(counters.unreadable)),
        ("from another call", skbs(counters.other_call)),
        ("of 32-bit programs", skbs(counters.compat)),
        ("from io_uring", skbs(counters.io_uring)),
    ];
    let missed = counters.missed.map(|missed| ("missed, of this host", skbs(missed)));
    let rows = always.into_iter().chain(missed).chain(some.into_iter().filter(|(_, amount)| amount.skbs > 0));
    let network = fault.spec.fault.is_network();
    let mut table = match network {
        true => Table::new(&["  WHAT", "PACKETS", "ON THE WIRE", "BYTES"]),
        false => Table::new(&["  WHAT", "CALLS"]),
    };
    let or = |number: Option<u64>, text: fn(u64) -> String| number.map_or_else(|| "-".to_owned(), text);
    for (what, amount) in rows {
        let (what, skbs) = (format!("  {what}"), count(amount.skbs));
        match network {
            true => table.row([what, skbs, or(amount.wire, count), or(amount.bytes, bytes)]),
            false => table.row([what, skbs]),
        }
    }
    table.lines()
}

/// How long packets were held, and how long they were to be.
fn held(delay: &DelayDoc) -> Vec<String> {
    let mut table = Table::new(&["  HELD", "p50", "p90", "p99", "MEAN", "PACKETS"]);
    if let Some(asked) = &delay.asked {
        let [p50, p99, by] = [asked.p50_us, asked.p99_us, asked.by_us].map(|us| micros(Some(us)));
        table.row(["  asked".to_owned(), p50, "-".to_owned(), p99, by, "-".to_owned()]);
    }
    if let Some(AchievedDelayDoc { samples, mean_us, p50_us, p90_us, p99_us }) = delay.achieved {
        let [p50, p90, p99, mean] = [p50_us, p90_us, p99_us, mean_us].map(micros);
        table.row(["  achieved".to_owned(), p50, p90, p99, mean, count(samples)]);
    }
    let mut lines = if table.is_empty() { Vec::new() } else { table.lines() };
    lines.extend(delay.why.iter().map(|why| match delay.achieved {
        Some(_) => format!("  achieved: {why}"),
        None => format!("  achieved: not known, {why}"),
    }));
    lines
}

/// Two digits after the point, four for what is rare.
fn percent(percent: f64) -> String {
    if percent > 0.0 && percent < 0.1 { format!("{percent:.4}") } else { format!("{percent:.2}") }
}

#[cfg(test)]
#[path = "achieved_tests.rs"]
mod tests;
