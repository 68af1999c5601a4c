//! Families of metrics, by name, with their labels.

use anyhow::Result;
use prometheus::{CounterVec, GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

/// The metrics of one scrape.
#[derive(Default)]
pub struct Families(Registry);

impl Families {
    /// Counters that start at 0 and get their value once.
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        let family = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    /// The same for seconds.
    pub fn seconds(&self, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec> {
        let family = CounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    /// Gauges.
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        let family = GaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    /// The text exposition format, version 0.0.4.
    pub fn text(&self) -> Result<String> {
        Ok(TextEncoder::new().encode_to_string(&self.0.gather())?)
    }
}

/// Sets the quantiles that exist, in seconds; `labels` come before the quantile's own.
///
/// The label is `q` and not `quantile`: Prometheus keeps that name for summaries, which need a sum that a
/// histogram of ours does not have.
pub fn set_quantiles(family: &GaugeVec, labels: &[&str], us: [Option<u64>; 4]) {
    for (q, us) in ["0.5", "0.9", "0.99", "0.999"].into_iter().zip(us) {
        if let Some(us) = us {
            let all: Vec<&str> = labels.iter().copied().chain([q]).collect();
            family.with_label_values(&all).set(us as f64 / 1e6);
        }
    }
}
