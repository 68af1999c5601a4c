//! How long packets were held, beside how long they were to be.

use std::time::Duration;

use injector_ebpf::{
    hist::{BUCKETS, lower},
    rule::Delays,
};

use super::quantile::{middle, quantiles, total};
use crate::{
    api::types::{AchievedDelayDoc, AskedDelayDoc, DelayDoc},
    plan::{Netem, Shape, Step, Table},
    spec::Direction,
};

/// What the fault's device is there for: `None` if it holds no packets.
pub fn asked_delay(steps: &[Step]) -> Option<DelayDoc> {
    steps.iter().find_map(|step| match step {
        Step::Device { shape: Shape::Netem(netem), .. } if !netem.corrupt => {
            Some(DelayDoc { asked: Some(asked(netem)), ..DelayDoc::default() })
        }
        Step::Device { shape: Shape::Rate { .. } | Shape::FlowRate { .. }, .. } => Some(DelayDoc::default()),
        _ => None,
    })
}

/// With what was measured.
pub fn achieved_delay(asked: DelayDoc, direction: Direction, delays: &Delays) -> DelayDoc {
    let why = match direction {
        Direction::Egress => None,
        Direction::Ingress => Some("measured at egress only".to_owned()),
        Direction::Both => Some("of what the target sends: measured at egress only".to_owned()),
    };
    DelayDoc { achieved: direction.egress().then(|| achieved(delays)), why, ..asked }
}

/// Quantiles of the distribution that the kernel was told to draw from (net/sched/sch_netem.c, tabledist): uniform
/// within the jitter, or one of a table's entries. What would leave before it came leaves at once.
fn asked(netem: &Netem) -> AskedDelayDoc {
    let (by, jitter) = (netem.latency.as_secs_f64() * 1e6, netem.jitter.as_secs_f64() * 1e6);
    let at: [f64; 2] = match &netem.table {
        None => [0.5, 0.99].map(|share| by + jitter * (2.0 * share - 1.0)),
        Some(table) => entries(table).map(|entry| by + jitter * f64::from(entry) / f64::from(Table::SCALE)),
    };
    let [p50_us, p99_us] = at.map(|us| us.max(0.0).round() as u64);
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    AskedDelayDoc { by_us: micros(netem.latency), jitter_us: micros(netem.jitter), p50_us, p99_us }
}

/// The median and the 99th percentile of the entries, nearest rank; 0 without any.
fn entries(table: &Table) -> [i16; 2] {
    let mut entries = table.entries();
    entries.sort_unstable();
    [50, 99].map(|percent| {
        let rank = (entries.len() * percent).div_ceil(100).max(1);
        entries.get(rank - 1).copied().unwrap_or(0)
    })
}

fn achieved(delays: &Delays) -> AchievedDelayDoc {
    let samples = total(&delays.buckets);
    let quantiles = quantiles(&delays.buckets);
    let sharper = |found: Option<u64>| found.map(|us| sharper(us, delays, samples));
    AchievedDelayDoc {
        samples,
        mean_us: delays.sum_us.checked_div(samples),
        p50_us: sharper(quantiles.p50),
        p90_us: sharper(quantiles.p90),
        p99_us: sharper(quantiles.p99),
    }
}

/// A quantile in the middle of its bucket, or better: a delay without jitter puts nearly all packets into one bucket,
/// whose own mean is what is left of the sum when the others are taken for the middles of theirs. With at most a tenth
/// of the packets in others, that is wrong by less than 1 %, where the middle can be by 5.9 %.
fn sharper(us: u64, delays: &Delays, samples: u64) -> u64 {
    let Some(bucket) = (0..BUCKETS - 1).find(|bucket| middle(*bucket) == us) else { return us };
    let here = delays.buckets[bucket];
    if u128::from(here) * 10 < u128::from(samples) * 9 {
        return us;
    }
    let others = delays.buckets.iter().enumerate().filter(|(other, _)| *other != bucket);
    let others: u128 = others.map(|(other, &count)| u128::from(count) * u128::from(middle(other))).sum();
    let mean = u128::from(delays.sum_us).saturating_sub(others) / u128::from(here.max(1));
    let (low, high) = (u64::from(lower(bucket)), u64::from(lower(bucket + 1)) - 1);
    u64::try_from(mean).unwrap_or(u64::MAX).clamp(low, high)
}

#[cfg(test)]
#[path = "delay_tests.rs"]
mod tests;
