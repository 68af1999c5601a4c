//! Metrics of kinds of latency and of what goes wrong, by dependency: in the series of the traffic.

use anyhow::Result;

use super::{
    dependencies::labels,
    families::Families,
    shown::{Kind, Series},
};

const COUNTERS: [(Kind, &str, &str, &str); 3] = [
    (
        Kind::Latency,
        "injector_dependency_latency_samples_total",
        "Latencies that were measured, by kind.",
        "kind",
    ),
    (Kind::Error, "injector_dependency_errors_total", "What went wrong, by name.", "error"),
    (Kind::Drop, "injector_dependency_dropped_packets_total", "Packets dropped, by reason.", "reason"),
];

/// Adds the series of a scrape.
pub fn add(page: &Families, all: &[Series]) -> Result<()> {
    for (kind, metric, help, label) in COUNTERS {
        let family = page.counter(metric, help, &["cgroup", "side", "service", "protocol", label])?;
        for series in all {
            for ((_, name), sum) in series.counts.kinds.iter().filter(|((one, _), _)| *one == kind) {
                let [cgroup, side, service, protocol] = labels(series);
                family.with_label_values(&[cgroup, side, service, protocol, name]).inc_by(*sum);
            }
        }
    }
    let latency = page.gauge(
        "injector_dependency_latency_seconds",
        "Latency by kind and quantile q; absent with too few samples, and where requests and answers overlap.",
        &["cgroup", "side", "service", "protocol", "kind", "q"],
    )?;
    for series in all {
        for one in &series.latency {
            let all =
                [("0.5", one.p50_us), ("0.9", one.p90_us), ("0.99", one.p99_us), ("0.999", one.p999_us)];
            for (q, us) in all {
                if let Some(us) = us {
                    let [cgroup, side, service, protocol] = labels(series);
                    let labels = [cgroup, side, service, protocol, &one.kind, q];
                    latency.with_label_values(&labels).set(us as f64 / 1e6);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{
        api::types::{CountDoc, DependencyDoc, KindsDoc, LatencyDoc},
        output::{
            samples::dependency,
            shown::{SHOWN, Shown},
        },
    };

    /// So many dependencies, each with so many samples and errors.
    fn some(n: usize, samples: u64, errors: u64) -> Vec<DependencyDoc> {
        let one = |i| {
            let mut d = dependency(&format!("10.0.0.5:{i}"), 1000 - i as u64);
            d.kinds = KindsDoc {
                latency: vec![LatencyDoc {
                    kind: "dns".into(),
                    samples,
                    p50_us: Some(120),
                    ..LatencyDoc::default()
                }],
                errors: vec![CountDoc { name: "timeout".into(), count: errors }],
                ..KindsDoc::default()
            };
            d
        };
        (0..n).map(one).collect()
    }

    fn text(shown: &mut Shown, all: &[DependencyDoc]) -> String {
        let page = Families::default();
        add(&page, &shown.take(Instant::now(), all)).unwrap();
        page.text().unwrap()
    }

    fn sum(text: &str, metric: &str) -> u64 {
        let of = |line: &&str| line.starts_with(metric);
        let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        text.lines().filter(of).map(value).sum()
    }

    #[test]
    fn the_sums_stay_true_beyond_the_bound() {
        let all = SHOWN as u64 + 2;
        let mut shown = Shown::default();
        let page = text(&mut shown, &some(SHOWN + 2, 3, 2));
        assert_eq!(sum(&page, "injector_dependency_errors_total{"), 2 * all, "{page}");
        assert_eq!(sum(&page, "injector_dependency_latency_samples_total{"), 3 * all);
        assert!(page.contains("kind=\"dns\",protocol=\"other\"") && page.contains("0.00012"), "{page}");
        assert_eq!(page.matches("injector_dependency_latency_seconds{").count(), SHOWN);
        // One that shrank, because its flows took their numbers along, has lost nothing of what it had shown.
        let page = text(&mut shown, &some(SHOWN + 2, 5, 1));
        assert_eq!(sum(&page, "injector_dependency_errors_total{"), 2 * all, "{page}");
        assert_eq!(sum(&page, "injector_dependency_latency_samples_total{"), 5 * all);
    }
}
