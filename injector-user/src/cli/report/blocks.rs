//! What a report says, in order: Markdown and HTML are made from the same blocks, so that they cannot disagree.

use super::chart::{self, Chart};
use crate::{
    api::types::{Doc, FaultDoc, ReportDoc, State, WindowDoc},
    cli::{
        achieved, ending, reaction,
        text::{self, count, micros},
        windows,
    },
};

/// A part of a report. All text is as it came: whoever writes it escapes it.
pub(super) enum Block {
    /// Of the whole report.
    Title(String),
    /// Of a section.
    Heading(&'static str),
    /// A paragraph.
    Text(String),
    /// Lines whose columns stand below each other.
    Lines(Vec<String>),
    /// A drawing, for those that can show one.
    Chart(Chart),
}

/// The report's blocks.
pub(super) fn of(report: &Doc<ReportDoc>) -> Vec<Block> {
    let (node, report) = (&report.node, &report.body);
    let fault = &report.fault;
    let mut blocks = vec![
        Block::Title(format!("{} on {node}", fault.id)),
        Block::Text(fault.summary.clone()),
        Block::Lines(facts(report)),
        Block::Heading("Hypothesis"),
        Block::Text(
            fault
                .spec
                .hypothesis
                .clone()
                .map_or_else(|| "None was given.".to_owned(), |text| text.to_string()),
        ),
        Block::Heading("Steady state"),
        Block::Text(steady(fault)),
        Block::Heading("Asked and achieved"),
        Block::Lines(flush(achieved::lines(fault))),
    ];
    if !report.timeline.is_empty() {
        blocks.push(Block::Chart(chart::timeline(report)));
    }
    blocks.extend([
        Block::Heading("Whom it touched"),
        Block::Text(format!("{}.", text::whom(fault.cgroups, fault.processes, fault.flows))),
        Block::Lines(flush(reaction::lines(fault))),
        Block::Heading("Before, during and after"),
        Block::Lines(flush(windows::lines(fault))),
        Block::Chart(chart::distributions("Round trips of the target", &report.target)),
        Block::Chart(chart::distributions("Round trips of the control group", &report.control)),
        Block::Heading("What the target asked of its dependencies"),
        match windows::amplified(fault) {
            lines if lines.is_empty() => Block::Text("Nothing was seen.".to_owned()),
            lines => Block::Lines(flush(lines)),
        },
        Block::Heading("How it ended, and what is left"),
        match fault.state {
            State::Ended => Block::Lines(ending::lines(fault)),
            _ => Block::Text("It has not ended: this is a report of its life so far.".to_owned()),
        },
    ]);
    if !fault.notes.is_empty() {
        blocks.extend([Block::Heading("Notes"), Block::Lines(fault.notes.clone())]);
    }
    blocks.retain(|block| !matches!(block, Block::Lines(lines) if lines.is_empty()));
    blocks
}

fn facts(report: &ReportDoc) -> Vec<String> {
    let fault = &report.fault;
    let state = match fault.state {
        State::Shadow => "a shadow: it acts on nothing",
        State::Armed => "armed",
        State::Draining => "draining",
        State::Ended => "ended",
    };
    let asked = serde_json::to_string(&fault.spec).unwrap_or_default();
    let some = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let facts = [
        ("asked", asked),
        ("by", fault.by.clone()),
        ("ticket", some(&fault.spec.ticket.as_ref().map(ToString::to_string))),
        ("state", state.to_owned()),
        ("from", fault.started.clone()),
        ("to", fault.ended.clone().unwrap_or_else(|| format!("{} at the latest", fault.ends))),
        ("way", some(&fault.rung)),
        ("control group", fault.control_verdict.clone()),
        ("kernel", report.kernel.clone()),
        ("report of", report.at.clone()),
    ];
    facts
        .into_iter()
        .filter(|(_, value)| value != "-")
        .map(|(key, value)| format!("{key:<14} {value}"))
        .collect()
}

fn steady(fault: &FaultDoc) -> String {
    let Some(windows) = &fault.windows else { return "Not known: the daemon tells no windows.".to_owned() };
    let one = |group: &str, window: Option<&WindowDoc>| match window {
        Some(window) => format!(
            "{group}, {:.1} s: {} round trips, p50 {}, p99 {}, {} of the segments sent again.",
            window.seconds,
            count(window.signals.samples),
            micros(window.signals.rtt_p50_us),
            micros(window.signals.rtt_p99_us),
            window.resent_percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.2} %"))
        ),
        None => format!("{group}: nothing was seen before the fault."),
    };
    let [(_, target), (_, control)] = windows::groups(windows);
    let disturbed =
        if windows.disturbed { " Another fault acted on the same cgroups then: it was none." } else { "" };
    let (target, control) =
        (one("Target", target.before.as_ref()), one("Control group", control.before.as_ref()));
    format!("{target} {control}{disturbed}")
}

/// Without the indentation that lines have below a fault.
fn flush(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| line.strip_prefix("  ").map(str::to_owned).unwrap_or(line)).collect()
}
