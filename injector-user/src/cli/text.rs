//! Numbers with units, and the lines of a fault.

use super::{achieved, reaction, when};
pub(super) use crate::observe::figures::{bytes, count, micros, span_ms};
use crate::{
    api::types::{Doc, FaultDoc, Fidelity, State},
    session,
};

/// Other people's text: no letter of it controls the terminal, or turns what stands beside it round.
pub(super) fn plain(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if odd(c) { '?' } else { c }).collect()
}

/// `1 process`, `4 processes`.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// What a fault acts on: packets or calls, as `number` of them are called.
pub(super) fn things(fault: &FaultDoc, number: u64) -> &'static str {
    match (fault.spec.fault.is_network(), number) {
        (true, 1) => "packet",
        (true, _) => "packets",
        (false, 1) => "call",
        (false, _) => "calls",
    }
}

/// `1 cgroup, 4 processes, 37 flows`; without the flows where they say nothing.
pub(super) fn whom(cgroups: u64, processes: u64, flows: Option<u64>) -> String {
    let mut parts = vec![counted(cgroups, "cgroup", "cgroups"), counted(processes, "process", "processes")];
    parts.extend(flows.map(|flows| counted(flows, "flow", "flows")));
    parts.join(", ")
}

/// What is armed, where, whom it touches, when it ends and how to stop it.
pub(super) fn first_line(fault: &Doc<FaultDoc>, detached: bool) -> String {
    let (node, fault) = (&fault.node, &fault.body);
    let id = &fault.id;
    let stop = if detached { "" } else { "Ctrl-C | " };
    format!(
        "{id} {} on {node} ({}): {} ({}). Ends {}. Stop: {stop}injector stop {id} | injector halt",
        if fault.state == State::Shadow { "SHADOW" } else { "ARMED" },
        kernel(),
        fault.summary,
        whom(fault.cgroups, fault.processes, fault.flows),
        when::clock(&fault.ends)
    )
}

/// The daemon is on this node: its kernel is ours. `6.12` of `6.12.43+deb13-cloud-amd64`.
fn kernel() -> String {
    let release = session::kernel_release();
    let mut parts = release.split(['.', '-']);
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => format!("{major}.{minor}"),
        _ => release,
    }
}

/// The line of a second. What is said in words (the control group's verdict, and why nothing matches) is said when it
/// changes.
pub(super) fn second(fault: &FaultDoc, before: Option<&FaultDoc>) -> String {
    let counters = &fault.counters;
    let mut line = format!(
        "  matched {:>9}  acted {:>8}",
        count(counters.matched),
        count(counters.acted + counters.shadow)
    );
    // Of all that match: there is nothing to say, unless it is not so.
    let all = fault.spec.fault.percent().is_none() && fault.achieved.verdict != Some(Fidelity::Off);
    if let Some(rate) = achieved::rate(fault).filter(|_| !all) {
        line += &format!(" ({rate})");
    }
    if fault.spec.fault.is_network() {
        line += &format!(
            "{}  p99 target {} control {}",
            achieved::delay(fault),
            micros(fault.target.rtt_p99_us),
            micros(fault.control.rtt_p99_us)
        );
    }
    line += &format!("  {} left", span_ms(fault.left_ms));
    if before.map(|before| &before.control_verdict) != Some(&fault.control_verdict)
        && fault.control_verdict != "ok"
    {
        line += &format!("  control {}", fault.control_verdict);
    }
    let why = |fault: &FaultDoc| fault.nothing_matched.as_ref().map(|nothing| nothing.why.clone());
    if let Some(nothing) = achieved::nothing(fault).filter(|_| before.and_then(why) != why(fault)) {
        line += &format!("  {nothing}");
    }
    let off = |fault: &FaultDoc| fault.reaction.map_or(0, |did| did.livelocks);
    if let Some(did) = fault.reaction.filter(|_| before.map_or(0, off) != off(fault)) {
        line += &reaction::backed_off(&did).map_or_else(String::new, |text| format!("  {text}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [Some(850), Some(41_250), Some(1_204_000), None].map(micros),
            ["850 us", "41.2 ms", "1.20 s", "-"]
        );
        assert_eq!([512, 1_500_000, 2_000].map(bytes), ["512 B", "1.5 MB", "2.0 kB"]);
        assert_eq!([12, 1_560].map(span_ms), ["12 ms", "1.5 s"]);
        assert_eq!(counted(1, "process", "processes"), "1 process");
    }

    #[test]
    fn flows_that_cannot_be_counted_are_not_0() {
        assert_eq!(whom(1, 4, Some(0)), "1 cgroup, 4 processes, 0 flows");
        assert_eq!(whom(1, 4, None), "1 cgroup, 4 processes");
    }
}
