//! Metrics of how long cgroups wait for disks and CPUs.

use std::collections::BTreeMap;

use anyhow::Result;

use super::families::Families;
use crate::api::types::{LagDoc, LagsLostDoc};

const LABELS: [&str; 3] = ["name", "what", "q"];

/// By the labels of saturation, of which these need the name and what it is.
#[derive(Default)]
pub struct Lags {
    /// Samples, their sum in seconds.
    sums: BTreeMap<[String; 2], (u64, f64)>,
    quantiles: Vec<([String; 2], &'static str, f64)>,
}

impl Lags {
    /// Those that are `other` have a sum, and no quantiles: they would be nobody's.
    pub fn add(&mut self, [_, name, _, what, _]: [String; 5], lag: &LagDoc, other: bool) {
        let labels = [name, what];
        let (samples, seconds) = self.sums.entry(labels.clone()).or_default();
        *samples = samples.saturating_add(lag.samples);
        *seconds += lag.total_us as f64 / 1e6;
        if other {
            return;
        }
        let all = [("0.5", lag.p50_us), ("0.9", lag.p90_us), ("0.99", lag.p99_us), ("0.999", lag.p999_us)];
        let known = all.into_iter().filter_map(|(q, us)| Some((labels.clone(), q, us? as f64 / 1e6)));
        self.quantiles.extend(known);
    }

    /// Adds the series of a scrape.
    ///
    /// # Errors
    /// A metric has the name already.
    pub fn write(self, page: &Families) -> Result<()> {
        let samples = page.counter(
            "injector_cgroup_wait_samples_total",
            "Requests to disks, and waits of tasks for a CPU, that were measured.",
            &LABELS[..2],
        )?;
        let seconds =
            page.seconds("injector_cgroup_wait_seconds_total", "How long these took in all.", &LABELS[..2])?;
        for (labels, (n, sum)) in self.sums {
            samples.with_label_values(&labels).inc_by(n);
            seconds.with_label_values(&labels).inc_by(sum);
        }
        let help = "How long one took, by quantile q; absent with too few samples.";
        let quantiles = page.gauge("injector_cgroup_wait_seconds", help, &LABELS)?;
        for ([name, what], q, value) in self.quantiles {
            quantiles.with_label_values(&[name.as_str(), &what, q]).set(value);
        }
        Ok(())
    }
}

/// Adds what was lost.
///
/// # Errors
/// A metric has the name already.
pub fn lost(page: &Families, lost: &LagsLostDoc) -> Result<()> {
    let help = "Requests and waits that are in no histogram, by why.";
    let family = page.counter("injector_cgroup_wait_lost_total", help, &["why"])?;
    let LagsLostDoc { samples, requests, tasks, clock_went_backwards, unfinished } = *lost;
    for (why, n) in [
        ("cgroups_full", samples),
        ("requests_full", requests),
        ("tasks_full", tasks),
        ("clock", clock_went_backwards),
        ("unfinished", unfinished),
    ] {
        family.with_label_values(&[why]).inc_by(n);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::types::{PlaceDoc, PlaceKind, SaturationDoc},
        output::saturation::{SHOWN, add},
    };

    #[test]
    fn a_bounded_number_of_cgroups_has_quantiles_and_the_sums_stay_true() {
        let lag = LagDoc {
            what: "io_read".into(),
            samples: 3,
            total_us: 1500,
            p50_us: Some(500),
            ..LagDoc::default()
        };
        let place = |i: usize| PlaceDoc {
            lags: vec![lag.clone()],
            ..PlaceDoc::new(PlaceKind::Cgroup, format!("/{i:04}"))
        };
        let lost = LagsLostDoc { requests: 7, ..LagsLostDoc::default() };
        let doc =
            SaturationDoc { places: (0..SHOWN + 4).map(place).collect(), lost, ..SaturationDoc::default() };
        let page = Families::default();
        add(&page, &doc).unwrap();
        let text = page.text().unwrap();
        let first = "injector_cgroup_wait_seconds{name=\"/0000\",q=\"0.5\",what=\"io_read\"} 0.0005";
        for line in [
            first,
            "injector_cgroup_wait_samples_total{name=\"other\",what=\"io_read\"} 12",
            "injector_cgroup_wait_seconds_total{name=\"other\",what=\"io_read\"} 0.006",
            "injector_cgroup_wait_lost_total{why=\"requests_full\"} 7",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert_eq!(text.matches("injector_cgroup_wait_seconds{").count(), SHOWN, "{text}");
        assert!(!text.contains("q=\"0.9\""), "too few samples: {text}");
    }
}
