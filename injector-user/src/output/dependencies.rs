//! Metrics of the watched cgroups' dependencies, with a bound on the number of series.

use std::collections::BTreeMap;

use anyhow::Result;

use super::families::{Families, set_quantiles};
use crate::api::types::{DependencyDoc, FlowsDoc};

/// Dependencies with series of their own; the rest is added up as `other`.
pub const SHOWN: usize = 50;
const LABELS: [&str; 4] = ["cgroup", "side", "service", "protocol"];

/// The label values of a series.
pub(super) type Name<'a> = [&'a str; 4];

/// Sums in the order of the counters in [`add`].
type Sums = [u64; 8];

/// Adds the dependencies with the most bytes, and the sum of the others. A dependency that changes between the
/// two looks like a counter that was reset.
pub fn add(page: &Families, flows: &FlowsDoc) -> Result<()> {
    let mut order: Vec<&DependencyDoc> = flows.dependencies.iter().collect();
    order.sort_by_key(|d| std::cmp::Reverse(d.tx_bytes.saturating_add(d.rx_bytes)));
    // Two keys may have one name (cgroups that share a path): their counters are added, not refused.
    let mut sums: BTreeMap<Name<'_>, (Sums, u64)> = BTreeMap::new();
    for (i, d) in order.iter().enumerate() {
        let name = if i < SHOWN { name(d) } else { ["other"; 4] };
        let (sum, open) = sums.entry(name).or_default();
        *open += d.open;
        for (sum, n) in sum.iter_mut().zip(values(d)) {
            *sum = sum.saturating_add(n);
        }
    }
    let open = page.gauge("injector_dependency_open_flows", "Flows that are open.", &LABELS)?;
    let names = [
        ("injector_dependency_transmit_wire_packets_total", "Packets sent."),
        ("injector_dependency_transmit_bytes_total", "Bytes sent, from the IP header on."),
        ("injector_dependency_receive_wire_packets_total", "Packets received."),
        ("injector_dependency_receive_bytes_total", "Bytes received, from the IP header on."),
        ("injector_dependency_retransmits_total", "TCP retransmits."),
        ("injector_dependency_injected_drops_total", "Packets that injector lost."),
        ("injector_dependency_injected_delays_total", "Packets that injector delayed."),
        ("injector_dependency_rtt_samples_total", "Round trips that were measured."),
    ];
    for (i, (metric, help)) in names.into_iter().enumerate() {
        let family = page.counter(metric, help, &LABELS)?;
        for (name, (sum, _)) in &sums {
            family.with_label_values(name).inc_by(sum[i]);
        }
    }
    for (name, (_, n)) in &sums {
        open.with_label_values(name).set(*n as f64);
    }
    let rtt = page.gauge(
        "injector_dependency_rtt_seconds",
        "TCP round trips of open and ended flows, by quantile q; absent with too few samples.",
        &["cgroup", "side", "service", "protocol", "q"],
    )?;
    for d in order.into_iter().take(SHOWN) {
        set_quantiles(&rtt, &name(d), [d.rtt_p50_us, d.rtt_p90_us, d.rtt_p99_us]);
    }
    Ok(())
}

pub(super) fn name(d: &DependencyDoc) -> Name<'_> {
    [&d.cgroup, &d.side, &d.service, &d.protocol]
}

fn values(d: &DependencyDoc) -> Sums {
    [
        d.tx_segments,
        d.tx_bytes,
        d.rx_segments,
        d.rx_bytes,
        d.retransmits,
        d.injected_drops,
        d.injected_delays,
        d.rtt_samples,
    ]
}
