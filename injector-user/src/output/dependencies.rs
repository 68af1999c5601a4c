//! Metrics of the watched cgroups' dependencies, with a bound on the number of series.

use anyhow::Result;

use super::{
    families::{Families, set_quantiles},
    shown::{COUNTERS, Series},
};

const LABELS: [&str; 4] = ["cgroup", "side", "service", "protocol"];

/// In the order of the traffic in [`super::shown::Counts`].
const NAMES: [(&str, &str); COUNTERS] = [
    ("injector_dependency_transmit_wire_packets_total", "Packets sent, as on the wire: segments."),
    ("injector_dependency_transmit_bytes_total", "Bytes sent, from the IP header on."),
    ("injector_dependency_receive_wire_packets_total", "Packets received, as on the wire: segments."),
    ("injector_dependency_receive_bytes_total", "Bytes received, from the IP header on."),
    ("injector_dependency_retransmits_total", "TCP retransmits."),
    ("injector_dependency_injected_drops_total", "Packets that injector lost."),
    ("injector_dependency_injected_delays_total", "Packets that injector delayed."),
    ("injector_dependency_rtt_samples_total", "Round trips that were measured."),
    (
        "injector_dependency_transmit_packets_total",
        "Packets sent, as the host handles them: one may hold many segments.",
    ),
    (
        "injector_dependency_receive_packets_total",
        "Packets received, as the host handles them: one may hold many segments.",
    ),
    ("injector_dependency_flows_total", "Flows that began: connections, mostly."),
];

/// Adds the series of a scrape.
pub fn add(page: &Families, all: &[Series]) -> Result<()> {
    let open = page.gauge("injector_dependency_open_flows", "Flows that are open.", &LABELS)?;
    let rtt = page.gauge(
        "injector_dependency_rtt_seconds",
        "TCP round trips of open and ended flows, by quantile q; absent with too few samples.",
        &["cgroup", "side", "service", "protocol", "q"],
    )?;
    for (i, (metric, help)) in NAMES.into_iter().enumerate() {
        let family = page.counter(metric, help, &LABELS)?;
        for series in all {
            family.with_label_values(&labels(series)).inc_by(series.counts.traffic[i]);
        }
    }
    for series in all {
        open.with_label_values(&labels(series)).set(series.open as f64);
        set_quantiles(&rtt, &labels(series), series.rtt_us);
    }
    Ok(())
}

pub(super) fn labels(series: &Series) -> [&str; 4] {
    series.name.each_ref().map(String::as_str)
}
