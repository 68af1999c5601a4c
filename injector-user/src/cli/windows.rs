//! Before, during and after a fault, in words.

use super::{
    table::Table,
    text::{count, micros},
};
use crate::{
    api::types::{
        AmplificationDoc, ChangeDoc, FailuresChangeDoc, FailuresDoc, FaultDoc, GroupDoc, PaceDoc, WindowDoc,
        WindowsDoc,
    },
    observe::shares,
};

/// The windows and what changed in them; nothing of a document that has none.
pub(super) fn lines(fault: &FaultDoc) -> Vec<String> {
    let Some(windows) = &fault.windows else { return Vec::new() };
    let table = table(windows, "  ").lines();
    let few = table.iter().any(|line| line.contains("  -"));
    let mut lines = table;
    if few {
        lines.push("  -: too few samples (p50 needs 1, p90 20, p99 200, p99.9 2,000)".to_owned());
    }
    for (group, doc) in groups(windows) {
        for (name, window) in named(doc) {
            lines.extend(
                window.failures.map(|failures| format!("  {group}, failed {name}: {}", failed(&failures))),
            );
        }
        lines.push(match &doc.during_change {
            Some(change) => format!("  {group}, during against before: {}", changed(change)),
            None => format!("  {group}: nothing was seen before the fault to compare with"),
        });
        lines.extend(
            doc.after_change
                .as_ref()
                .map(|change| format!("  {group}, after against before: {}", changed(change))),
        );
    }
    if windows.disturbed {
        lines.push(
            "  before: another fault acted on the same cgroups then, so it is no steady state".to_owned(),
        );
    }
    lines
}

/// Target and control group, with their names.
pub(super) fn groups(windows: &WindowsDoc) -> [(&'static str, &GroupDoc); 2] {
    [("target", &windows.target), ("control", &windows.control)]
}

/// A row for each window that there is.
pub(super) fn table(windows: &WindowsDoc, indent: &str) -> Table {
    let group = format!("{indent}GROUP");
    let mut table = Table::new(&[
        &group,
        "WINDOW",
        "SECONDS",
        "SAMPLES",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "RESENT",
        "SEGMENTS/s",
    ]);
    for (group, doc) in groups(windows) {
        for (name, window) in named(doc) {
            table.row(row(format!("{indent}{group}"), name, window));
        }
    }
    table
}

/// The windows that there are.
fn named(group: &GroupDoc) -> impl Iterator<Item = (&'static str, &WindowDoc)> {
    let all =
        [("before", group.before.as_ref()), ("during", Some(&group.during)), ("after", group.after.as_ref())];
    all.into_iter().filter_map(|(name, window)| Some((name, window?)))
}

/// `3 of 120 connects (2.50 %), 2 resets on 40 connections (5.00 %), 0 of 0 DNS queries`.
fn failed(failures: &FailuresDoc) -> String {
    let [connects, resets, queries] = shares(failures)
        .map(|share| share.map_or_else(String::new, |share| format!(" ({:.2} %)", share * 100.0)));
    format!(
        "{} of {} connects{connects}, {} resets on {} connections{resets}, {} of {} DNS queries{queries}",
        count(failures.failed_connects),
        count(failures.connects),
        count(failures.resets),
        count(failures.connections),
        count(failures.failed_queries),
        count(failures.queries)
    )
}

/// `, failed connects +1.50 points, ...`; nothing of what was not there in both windows.
fn failed_more(change: &FailuresChangeDoc) -> String {
    let parts = [
        ("failed connects", change.failed_connects_points),
        ("resets on connections", change.resets_points),
        ("failed DNS queries", change.failed_queries_points),
    ];
    let said = parts.into_iter().filter_map(|(what, more)| Some(format!(", {what} {:+.2} points", more?)));
    said.collect()
}

fn row(group: String, name: &str, window: &WindowDoc) -> [String; 10] {
    let or = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let signals = &window.signals;
    [
        group,
        name.to_owned(),
        format!("{:.1}", window.seconds),
        count(signals.samples),
        micros(signals.rtt_p50_us),
        micros(signals.rtt_p90_us),
        micros(signals.rtt_p99_us),
        micros(window.rtt_p999_us),
        or(window.resent_percent.map(|percent| format!("{percent:.2} %"))),
        or(window.segments_per_second.map(|rate| format!("{rate:.1}"))),
    ]
}

/// `p50 +78.1 ms, p90 +80.2 ms, p99 too few samples, p99.9 too few samples, resent +4.20 points, segments/s x0.31`.
pub(super) fn changed(change: &ChangeDoc) -> String {
    let more = |us: Option<i64>| match us {
        None => "too few samples".to_owned(),
        Some(us) => format!("{}{}", if us < 0 { "-" } else { "+" }, micros(Some(us.unsigned_abs()))),
    };
    let resent = change
        .resent_points
        .map_or_else(|| "too few segments".to_owned(), |points| format!("{points:+.2} points"));
    let segments =
        change.segments_ratio.map_or_else(|| "not known".to_owned(), |ratio| format!("x{ratio:.2}"));
    format!(
        "p50 {}, p90 {}, p99 {}, p99.9 {}, resent {resent}, segments/s {segments}{}",
        more(change.rtt_p50_us),
        more(change.rtt_p90_us),
        more(change.rtt_p99_us),
        more(change.rtt_p999_us),
        change.failures.as_ref().map_or_else(String::new, failed_more)
    )
}

/// What the target asked of its dependencies, against before.
pub(super) fn amplified(fault: &FaultDoc) -> Vec<String> {
    if fault.amplification.is_empty() {
        return Vec::new();
    }
    let mut lines = amplification(&fault.amplification, "  ").lines();
    if fault.amplification.iter().any(|one| one.before.is_none()) {
        lines.push(format!("  {UNWATCHED}"));
    }
    lines
}

/// Why there is nothing to compare with.
pub(super) const UNWATCHED: &str = "dependencies before: not seen, the target was watched for less than 5 s then (configuration: watch; or injector flows --watch)";

/// Rates and ratios, a row for each dependency.
pub(super) fn amplification(all: &[AmplificationDoc], indent: &str) -> Table {
    let first = format!("{indent}ASKS OF");
    let mut table =
        Table::new(&[&first, "SIDE", "CONNECTIONS/s", "", "SEGMENTS/s", "", "BYTES/s", "", "CGROUP"]);
    for one in all {
        let pair = |number: fn(&PaceDoc) -> Option<u64>| {
            let rate =
                |pace: &PaceDoc| number(pace).filter(|_| pace.seconds > 0.0).map(|n| n as f64 / pace.seconds);
            let rate = |pace: Option<&PaceDoc>| {
                pace.and_then(rate).map_or_else(|| "?".to_owned(), |rate| format!("{rate:.1}"))
            };
            format!("{} -> {}", rate(one.before.as_ref()), rate(Some(&one.during)))
        };
        let times = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("x{ratio:.2}"));
        table.row([
            format!("{indent}{}", one.service),
            one.side.clone(),
            pair(|pace| pace.connections),
            times(one.connections_ratio),
            pair(|pace| Some(pace.segments)),
            times(one.segments_ratio),
            pair(|pace| Some(pace.bytes)),
            times(one.bytes_ratio),
            one.cgroup.clone(),
        ]);
    }
    table
}

/// What the recovery was judged by: `p99 2.1 ms (before 2.0 ms), resent 0.10 % of 1,200 segments (before 0.00 %)`.
pub(super) fn judged(fault: &FaultDoc) -> Option<String> {
    let judged = fault.recovery_judged.as_ref()?;
    // With the 50 round trips that a judgement needs, a p99 is not said, but a p90 is.
    let tail = |window: &WindowDoc| micros(window.signals.rtt_p90_us);
    let resent = |window: &WindowDoc| {
        window.resent_percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.2} %"))
    };
    let failures = match (judged.before.failures, judged.now.failures) {
        (Some(before), Some(now)) => format!("failed: {} (before {})", failed(&now), failed(&before)),
        (None, _) => "failures are not judged: the target was not watched before the fault".to_owned(),
        (_, None) => "failures are not judged: the target was not watched after the fault".to_owned(),
    };
    Some(format!(
        "judged by the last {} round trips: p90 {} (before {}), resent {} of {} segments (before {}); {failures}",
        count(judged.now.signals.samples),
        tail(&judged.now),
        tail(&judged.before),
        resent(&judged.now),
        count(judged.now.signals.segments),
        resent(&judged.before)
    ))
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
