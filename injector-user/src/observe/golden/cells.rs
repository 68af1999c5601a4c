//! A row as text: the same columns on every screen.

use super::{Count, Heat, Latency, Pace, Row};
use crate::observe::figures::{bytes, count, micros, short};

/// The numbers of a row's line, and what they are.
pub const COLUMNS: [&str; 11] =
    ["p50", "p99", "p99.9", "n", "OUT/s", "IN/s", "OPEN", "ERR/s", "ERRORS", "INJECTED", "FULLEST"];

/// In the order of [`COLUMNS`].
pub type Cells = [String; COLUMNS.len()];

/// What is in a row's line. `-`: not known, or too few samples.
pub fn cells(row: &Row, pace: &Pace) -> Cells {
    let latency = row.latency.first();
    let time = |us: Option<u64>| micros(us).replace(' ', "");
    let speed = pace.speed(&row.id);
    let rate = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| short(value.round() as u64));
    let injected = row.injected.iter().fold(0_u64, |sum, one| sum.saturating_add(one.n));
    [
        time(latency.and_then(|latency| latency.p50)),
        time(latency.and_then(|latency| latency.p99)),
        time(latency.and_then(|latency| latency.p999)),
        latency.map_or_else(|| "-".to_owned(), |latency| short(latency.samples)),
        rate(speed.map(|speed| speed.sent)),
        rate(speed.map(|speed| speed.received)),
        short(row.traffic.open),
        rate(speed.map(|speed| speed.errors)),
        short(row.error_sum()),
        short(injected),
        row.fullest().map_or_else(|| "-".to_owned(), |fill| format!("{:.0}%", fill.percent)),
    ]
}

/// A signal and all that is known of it.
pub type Detail = (&'static str, Vec<String>);

/// All that is known of a row, by signal; of a cgroup, who that is, too.
pub fn details(row: &Row) -> Vec<Detail> {
    let counts = |counts: &[Count]| -> Vec<_> {
        let some = counts.iter().filter(|one| one.n > 0);
        some.map(|one| format!("{} {}", count(one.n), one.what)).collect()
    };
    let traffic = row.traffic;
    let mut errors = counts(&row.errors);
    errors.extend(counts(&row.injected).into_iter().map(|text| format!("{text} by us")));
    // No errors: beside them, so that nothing is hidden.
    errors.extend(counts(&row.freed));
    // A share of time that is nothing is no news.
    let some = row.saturation.iter().filter(|one| one.heat > Heat::Aside || one.percent >= 0.5);
    let full = some.map(|one| format!("{} {:.0} %", one.what, one.percent));
    let or = |parts: Vec<String>, nothing: &str| {
        if parts.is_empty() { vec![nothing.to_owned()] } else { parts }
    };
    let mut details = vec![
        ("latency", or(row.latency.iter().map(latency).collect(), "not known")),
        (
            "traffic",
            vec![
                format!("{} out ({} packets)", bytes(traffic.sent), count(traffic.sent_packets)),
                format!("{} in ({} packets)", bytes(traffic.received), count(traffic.received_packets)),
                format!("{} open", count(traffic.open)),
                format!("{} ended", count(traffic.ended)),
            ],
        ),
        ("errors", or(errors, "none")),
        ("saturation", or(full.chain(row.lags.iter().map(latency)).collect(), "not known")),
    ];
    if !row.who.is_empty() {
        details.push(("who", row.who.clone()));
    }
    details
}

fn latency(one: &Latency) -> String {
    let samples = count(one.samples);
    if one.multiplexed {
        return format!("{} multiplexed, of {samples}", one.what);
    }
    let known = [("p50", one.p50), ("p90", one.p90), ("p99", one.p99), ("p99.9", one.p999)];
    let known: Vec<_> =
        known.into_iter().filter_map(|(q, us)| us.map(|us| format!("{q} {}", micros(Some(us))))).collect();
    let known = if known.is_empty() { "too few".to_owned() } else { known.join(" ") };
    format!("{} {known} of {samples}", one.what)
}
