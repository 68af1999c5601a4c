//! Metrics of kinds of latency and of what goes wrong, by dependency: with the same bound as the traffic's.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{
    dependencies::{Name, SHOWN, name},
    families::Families,
};
use crate::api::types::{CountDoc, DependencyDoc, FlowsDoc};

/// Of a series, with what it counts.
type Labels<'a> = (Name<'a>, &'a str);

/// Adds the dependencies with the most bytes, and the sum of the others.
pub fn add(page: &Families, flows: &FlowsDoc) -> Result<()> {
    let mut order: Vec<&DependencyDoc> = flows.dependencies.iter().collect();
    order.sort_by_key(|d| std::cmp::Reverse(d.tx_bytes.saturating_add(d.rx_bytes)));
    let mut samples: BTreeMap<Labels<'_>, u64> = BTreeMap::new();
    let (mut errors, mut drops) = (BTreeMap::new(), BTreeMap::new());
    for (i, d) in order.iter().enumerate() {
        let whose = if i < SHOWN { name(d) } else { ["other"; 4] };
        for latency in &d.kinds.latency {
            *samples.entry((whose, latency.kind.as_str())).or_default() += latency.samples;
        }
        count(&mut errors, whose, &d.kinds.errors);
        count(&mut drops, whose, &d.kinds.drops);
    }
    let families = [
        (
            "injector_dependency_latency_samples_total",
            "Latencies that were measured, by kind.",
            "kind",
            samples,
        ),
        ("injector_dependency_errors_total", "What went wrong, by name.", "error", errors),
        ("injector_dependency_dropped_packets_total", "Packets dropped, by reason.", "reason", drops),
    ];
    for (metric, help, label, sums) in families {
        let family = page.counter(metric, help, &["cgroup", "side", "service", "protocol", label])?;
        for ((whose, what), sum) in &sums {
            family.with_label_values(&labels(whose, what)).inc_by(*sum);
        }
    }
    let latency = page.gauge(
        "injector_dependency_latency_seconds",
        "Latency by kind and quantile q; absent with too few samples, and where requests and answers overlap.",
        &["cgroup", "side", "service", "protocol", "kind", "q"],
    )?;
    for d in order.into_iter().take(SHOWN) {
        for one in &d.kinds.latency {
            let all =
                [("0.5", one.p50_us), ("0.9", one.p90_us), ("0.99", one.p99_us), ("0.999", one.p999_us)];
            for (q, us) in all {
                if let Some(us) = us {
                    let [cgroup, side, service, protocol] = name(d);
                    let labels = [cgroup, side, service, protocol, &one.kind, q];
                    latency.with_label_values(&labels).set(us as f64 / 1e6);
                }
            }
        }
    }
    Ok(())
}

fn count<'a>(sums: &mut BTreeMap<Labels<'a>, u64>, whose: Name<'a>, counts: &'a [CountDoc]) {
    for one in counts {
        let sum = sums.entry((whose, one.name.as_str())).or_default();
        *sum = sum.saturating_add(one.count);
    }
}

fn labels<'a>(whose: &Name<'a>, what: &'a str) -> [&'a str; 5] {
    [whose[0], whose[1], whose[2], whose[3], what]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::types::{KindsDoc, LatencyDoc},
        output::samples::dependency,
    };

    #[test]
    fn the_sums_stay_true_beyond_the_bound() {
        let mut flows = FlowsDoc::default();
        for i in 0..SHOWN + 2 {
            let mut d = dependency(&format!("10.0.0.5:{i}"), 1000 - i as u64);
            d.kinds = KindsDoc {
                latency: vec![LatencyDoc {
                    kind: "dns".into(),
                    samples: 3,
                    p50_us: Some(120),
                    ..LatencyDoc::default()
                }],
                errors: vec![CountDoc { name: "timeout".into(), count: 2 }],
                drops: vec![],
            };
            flows.dependencies.push(d);
        }
        let page = Families::default();
        add(&page, &flows).unwrap();
        let text = page.text().unwrap();
        let sum = |metric: &str| -> u64 {
            let of = |line: &&str| line.starts_with(metric);
            let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            text.lines().filter(of).map(value).sum()
        };
        assert_eq!(sum("injector_dependency_errors_total{"), 2 * (SHOWN as u64 + 2), "{text}");
        assert_eq!(sum("injector_dependency_latency_samples_total{"), 3 * (SHOWN as u64 + 2));
        assert!(text.contains("kind=\"dns\",protocol=\"other\"") && text.contains("0.00012"), "{text}");
        assert_eq!(text.matches("injector_dependency_latency_seconds{").count(), SHOWN);
    }
}
