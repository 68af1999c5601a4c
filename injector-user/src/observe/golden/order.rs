//! Which rows come first.

use std::cmp::Ordering;

use super::{Heat, Pace, Row};

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Bytes in a second.
    #[default]
    Traffic,
    /// p99; of those with too few samples for it p90, or p50.
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
            Sort::Latency => slowness(row),
            Sort::Errors => [speed.errors, row.error_sum() as f64],
            Sort::Saturation => fullness(row),
            Sort::Name => [0.0, 0.0],
        }
    };
    rows.sort_by(|a, b| {
        let (x, y) = (number(a), number(b));
        let numbers = x.iter().zip(&y).map(|(x, y)| y.total_cmp(x)).find(|order| *order != Ordering::Equal);
        numbers.unwrap_or(Ordering::Equal).then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id))
    });
}

fn slowness(row: &Row) -> [f64; 2] {
    let Some(first) = row.latency.first() else { return [-1.0, -1.0] };
    let number = |us: Option<u64>| us.map_or(-1.0, |us| us as f64);
    [number(first.p99), number(first.p90.or(first.p50))]
}

/// What is hot before what is full.
fn fullness(row: &Row) -> [f64; 2] {
    row.fullest().map_or([-1.0, 0.0], |fill| [f64::from(u8::from(fill.heat == Heat::Hot)), fill.percent])
}
