//! The tables from which netem draws delays: the quantiles of a distribution, all equally likely.

use std::{f64::consts::PI, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// Entries of the tables made here, as many as those that come with iproute2.
const ENTRIES: usize = 4096;

/// How delays are spread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// The bell curve; jitter is its standard deviation.
    Normal,
    /// Mostly a little early, seldom very late (shape 3).
    Pareto,
    /// A quarter normal, three quarters Pareto: near to what the Internet does.
    Paretonormal,
    /// From samples: 1..=16,384 entries, [`Table::SCALE`] for once the jitter.
    Measured(Arc<[i16]>),
}

impl Table {
    /// An entry of once the jitter (NETEM_DIST_SCALE, linux/pkt_sched.h).
    pub const SCALE: i16 = 8192;
    /// The kernel takes no larger table (NETEM_DIST_MAX, linux/pkt_sched.h).
    pub const MOST_ENTRIES: usize = 16_384;

    /// The quantiles, in [`Table::SCALE`] for once the jitter. What is beyond four times the jitter is there.
    ///
    /// The formulas are those that iproute2 says of its tables of the same names (netem/normal.c, pareto.c and
    /// paretonormal.c): the inverses of the distribution functions, of Pareto's with shape 3 its mean taken away and
    /// divided by its variance.
    pub fn entries(&self) -> Vec<i16> {
        match self {
            Self::Normal => normal().into_iter().map(entry).collect(),
            Self::Pareto => pareto().into_iter().map(entry).collect(),
            Self::Paretonormal => {
                let both = normal().into_iter().zip(pareto());
                // The rare very late ones are cut before they are mixed, as there.
                both.map(|(normal, late)| entry(0.25 * normal + 0.75 * late.min(4.0))).collect()
            }
            Self::Measured(entries) => entries.to_vec(),
        }
    }

    /// Latency, jitter and table that make netem delay as these samples say, in microseconds and any order.
    ///
    /// The jitter is their standard deviation, or more where a sample is further than four of those from the mean: an
    /// entry holds no more than four times the jitter, and the latest samples are what a person measured for. Zeros and
    /// a flat table without samples.
    pub fn measured(samples_us: &[u32]) -> (Duration, Duration, Self) {
        let mut sorted = samples_us.to_vec();
        sorted.sort_unstable();
        let count = sorted.len().max(1) as f64;
        let mean = sorted.iter().copied().map(f64::from).sum::<f64>() / count;
        let off = |sample: u32| f64::from(sample) - mean;
        let variance = sorted.iter().map(|sample| off(*sample).powi(2)).sum::<f64>() / count;
        let furthest = sorted.iter().map(|sample| off(*sample).abs()).fold(0.0, f64::max);
        let jitter = variance.sqrt().max(furthest * f64::from(Self::SCALE) / f64::from(i16::MAX));
        let quantile = |index: usize| {
            let sample = sorted.get((2 * index + 1) * sorted.len() / (2 * ENTRIES)).copied();
            sample.map_or(0, |sample| entry(if jitter > 0.0 { off(sample) / jitter } else { 0.0 }))
        };
        let micros = |value: f64| Duration::from_nanos((value * 1e3).round() as u64);
        (micros(mean), micros(jitter), Self::Measured((0..ENTRIES).map(quantile).collect()))
    }
}

/// Times the jitter as an entry. A cast of a float goes to the nearest number that fits.
fn entry(times: f64) -> i16 {
    (times * f64::from(Table::SCALE)).round() as i16
}

/// The middle of each of as many equal shares of 0..1.
fn shares() -> impl Iterator<Item = f64> {
    (0..ENTRIES).map(|index| (index as f64 + 0.5) / ENTRIES as f64)
}

/// Quantiles of Pareto's distribution of shape 3 from 1 on: mean 3/2, variance 3/4.
fn pareto() -> Vec<f64> {
    shares().map(|share| ((1.0 - share).powf(-1.0 / 3.0) - 1.5) / 0.75).collect()
}

/// Quantiles of the normal distribution of mean 0 and deviation 1.
fn normal() -> Vec<f64> {
    // From the middle outwards, each found from its neighbour by Newton's method; the lower half mirrors the upper.
    let mut upper = Vec::with_capacity(ENTRIES / 2);
    let mut at = 0.0;
    for share in shares().skip(ENTRIES / 2) {
        for _ in 0..4 {
            at += (share - below(at)) / density(at);
        }
        upper.push(at);
    }
    upper.iter().rev().map(|value| -value).chain(upper.iter().copied()).collect()
}

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
}

/// The normal distribution function: 1/2 + density x (x + x^3/3 + x^5/(3*5) + ...), exact enough below 6.
fn below(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for odd in (3..200).step_by(2) {
        term *= x * x / f64::from(odd);
        sum += term;
    }
    0.5 + density(x) * sum
}

#[cfg(test)]
mod tests;
