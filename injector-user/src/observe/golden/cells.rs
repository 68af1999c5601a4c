//! A row as text: the same columns on every screen.

use std::cmp::Ordering;

use super::{Count, Pace, Row};
use crate::observe::figures::{count, micros, short};

/// The numbers of a row's line, and what they are.
pub const COLUMNS: [&str; 10] =
    ["p50", "p99", "n", "OUT/s", "IN/s", "OPEN", "ERR/s", "ERRORS", "INJECTED", "FULLEST"];

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

/// All that is known of a row, a line for each signal.
pub fn details(row: &Row) -> [String; 4] {
    let latency: Vec<_> = row
        .latency
        .iter()
        .map(|one| {
            let [p50, p90, p99] = [one.p50, one.p90, one.p99].map(micros);
            format!("{} p50 {p50}, p90 {p90}, p99 {p99} of {} samples", one.what, count(one.samples))
        })
        .collect();
    let counts = |counts: &[Count]| -> Vec<_> {
        counts.iter().map(|one| format!("{} {}", count(one.n), one.what)).collect()
    };
    let traffic = row.traffic;
    let bytes = crate::observe::figures::bytes;
    let mut errors = counts(&row.errors);
    errors.extend(counts(&row.injected).into_iter().map(|text| format!("{text} by us")));
    let full: Vec<_> =
        row.saturation.iter().map(|one| format!("{} {:.0} %", one.what, one.percent)).collect();
    let or_nothing =
        |parts: Vec<String>| if parts.is_empty() { "not known".to_owned() } else { parts.join("; ") };
    [
        format!("latency     {}", or_nothing(latency)),
        format!(
            "traffic     {} out, {} in; {} open, {} ended",
            bytes(traffic.sent),
            bytes(traffic.received),
            count(traffic.open),
            count(traffic.ended)
        ),
        format!("errors      {}", or_nothing(errors)),
        format!("saturation  {}", or_nothing(full)),
    ]
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Bytes in a second.
    #[default]
    Traffic,
    /// p99.
    Latency,
    /// Errors in a second, then all.
    Errors,
    /// The fullest.
    Saturation,
    /// By name.
    Name,
}

impl Sort {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::Latency => "latency",
            Self::Errors => "errors",
            Self::Saturation => "saturation",
            Self::Name => "name",
        }
    }

    /// The next one, round and round.
    pub fn next(self) -> Self {
        match self {
            Self::Traffic => Self::Latency,
            Self::Latency => Self::Errors,
            Self::Errors => Self::Saturation,
            Self::Saturation => Self::Name,
            Self::Name => Self::Traffic,
        }
    }
}

/// Sorts rows; equals by name.
pub fn sort(rows: &mut [&Row], by: Sort, pace: &Pace) {
    let number = |row: &Row| {
        let speed = pace.speed(&row.id).unwrap_or_default();
        match by {
            Sort::Traffic => {
                [speed.sent + speed.received, row.traffic.sent as f64 + row.traffic.received as f64]
            }
            Sort::Latency => [row.latency.first().and_then(|one| one.p99).map_or(-1.0, |us| us as f64), 0.0],
            Sort::Errors => [speed.errors, row.error_sum() as f64],
            Sort::Saturation => [row.fullest().map_or(-1.0, |fill| fill.percent), 0.0],
            Sort::Name => [0.0, 0.0],
        }
    };
    rows.sort_by(|a, b| {
        let (x, y) = (number(a), number(b));
        let numbers = x.iter().zip(&y).map(|(x, y)| y.total_cmp(x)).find(|order| *order != Ordering::Equal);
        numbers.unwrap_or(Ordering::Equal).then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id))
    });
}
