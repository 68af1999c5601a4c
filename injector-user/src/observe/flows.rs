//! The document of flows, from a snapshot.

use std::collections::HashMap;

use injector_ebpf::flow::Flow;

use super::{
    Snapshot,
    address::{endpoint, protocol},
    cgroups::cgroups,
    dependencies::dependencies,
    kinds::{Kinds, kinds_lost},
    lost::lost_doc,
    quantile::quantiles,
};
use crate::{
    api::types::{FlowDoc, FlowsDoc, ListenerDoc},
    kernel::net::Listener,
};

/// What is shown of `snapshot`: of the cgroups that `keep` accepts, named by `name_of` (id to path; a cgroup
/// that is gone is shown by its id). Open flows and dependencies with the most bytes come first.
pub fn flows_doc(
    snapshot: &Snapshot,
    name_of: impl Fn(u64) -> Option<String>,
    keep: impl Fn(u64) -> bool,
) -> FlowsDoc {
    let mut known: HashMap<u64, String> = HashMap::new();
    let mut name =
        |id: u64| known.entry(id).or_insert_with(|| name_of(id).unwrap_or_else(|| id.to_string())).clone();
    let open = || snapshot.flows.iter().filter(|flow| keep(flow.cgroup));
    let kinds = Kinds::new(&snapshot.kinds, &keep);
    let ended = || snapshot.deps.iter().filter(|(key, _)| keep(key.cgroup));
    let mut flows: Vec<_> = open().map(|flow| flow_doc(flow, name(flow.cgroup))).collect();
    flows.sort_by(|a, b| {
        let bytes = |f: &FlowDoc| f.tx_bytes.saturating_add(f.rx_bytes);
        bytes(b)
            .cmp(&bytes(a))
            .then_with(|| (&a.cgroup, &a.local, &a.remote).cmp(&(&b.cgroup, &b.local, &b.remote)))
    });
    let mut listeners: Vec<_> =
        snapshot.listeners.iter().filter_map(|l| listener(l, &keep, &mut name)).collect();
    listeners.sort_by(|a, b| (&a.cgroup, &a.local).cmp(&(&b.cgroup, &b.local)));
    FlowsDoc {
        at: humantime::format_rfc3339_millis(snapshot.at).to_string(),
        watched: snapshot.watched.iter().filter(|id| keep(**id)).map(|id| name(*id)).collect(),
        flows,
        cgroups: cgroups(open(), ended(), &mut name),
        dependencies: dependencies(open(), ended(), &kinds, &mut name),
        listeners,
        lost: lost_doc(&snapshot.stats, &snapshot.gate),
        kinds_lost: kinds_lost(&snapshot.kinds),
    }
}

fn flow_doc(flow: &Flow, cgroup: String) -> FlowDoc {
    let q = quantiles(&flow.rtt);
    FlowDoc {
        cgroup,
        protocol: protocol(flow.protocol),
        local: endpoint(flow.local, flow.local_port),
        remote: endpoint(flow.remote, flow.remote_port),
        tx_segments: flow.tx_segments,
        tx_bytes: flow.tx_bytes,
        rx_segments: flow.rx_segments,
        rx_bytes: flow.rx_bytes,
        retransmits: flow.retransmits,
        injected_drops: flow.injected_drops,
        injected_delays: flow.injected_delays,
        rtt_samples: q.samples,
        rtt_p50_us: q.p50,
        rtt_p90_us: q.p90,
        rtt_p99_us: q.p99,
        sndbuf_used: flow.sndbuf_used.into(),
        sndbuf_limit: flow.sndbuf_limit.into(),
        sndbuf_peak_percent: f64::from(flow.sndbuf_peak) / 10.0,
    }
}

/// A listener whose cgroup is known and shown.
fn listener(
    l: &Listener,
    keep: impl Fn(u64) -> bool,
    mut name: impl FnMut(u64) -> String,
) -> Option<ListenerDoc> {
    let id = l.cgroup_id.filter(|id| keep(*id))?;
    Some(ListenerDoc {
        cgroup: name(id),
        local: l.local.to_string(),
        accept_queue: l.accept_queue.into(),
        accept_limit: l.accept_limit.into(),
    })
}

#[cfg(test)]
#[path = "flows_tests.rs"]
mod tests;
