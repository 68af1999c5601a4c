//! The document of flows, from a snapshot.

use std::{collections::HashMap, time::SystemTime};

use injector_ebpf::flow::{Flow, REST_IN, REST_NO_FLOW, REST_NO_SOCKET, REST_NOT_OBSERVED, Rest};
use injector_ebpf::rtt::FlowRtt;

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
    api::types::{FlowDoc, FlowsDoc, ListenerDoc, RestDoc},
    kernel::net::Listener,
};

/// Most flows that are shown one by one: those with the most bytes. Sums are over all.
const MOST_SHOWN: usize = 4096;

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
    let histograms = &snapshot.histograms;
    let kinds = Kinds::new(&snapshot.kinds, &keep);
    let ended = || snapshot.deps.iter().filter(|(key, _)| keep(key.cgroup));
    let mut shown: Vec<&Flow> = open().collect();
    let open_flows = shown.len() as u64;
    if shown.len() > MOST_SHOWN {
        let bytes =
            |flow: &&Flow| std::cmp::Reverse(flow.counts.tx_bytes.saturating_add(flow.counts.rx_bytes));
        shown.select_nth_unstable_by_key(MOST_SHOWN, bytes);
        shown.truncate(MOST_SHOWN);
    }
    let doc = |flow: &&Flow| {
        flow_doc(flow, histograms.get(&flow.cookie), name(flow.cgroup), snapshot.when(flow.last))
    };
    let mut flows: Vec<_> = shown.iter().map(doc).collect();
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
        open_flows,
        cgroups: cgroups(open(), histograms, ended(), &mut name),
        dependencies: dependencies(open(), histograms, ended(), &kinds, &mut name),
        owners: Vec::new(),
        rest: rest_docs(&snapshot.rest),
        window: None,
        listeners,
        lost: lost_doc(&snapshot.stats, &snapshot.gate),
        kinds_lost: kinds_lost(&snapshot.kinds),
    }
}

fn flow_doc(flow: &Flow, rtt: Option<&FlowRtt>, cgroup: String, seen: Option<SystemTime>) -> FlowDoc {
    let q = rtt.map(|own| quantiles(&own.rtt)).unwrap_or_default();
    FlowDoc {
        cgroup,
        protocol: protocol(flow.protocol.into()),
        local: endpoint(flow.local, flow.local_port),
        remote: endpoint(flow.remote, flow.remote_port),
        tx_packets: flow.counts.tx_packets,
        tx_segments: flow.tx_segments(),
        tx_bytes: flow.counts.tx_bytes,
        rx_packets: flow.counts.rx_packets,
        rx_segments: flow.rx_segments(),
        rx_bytes: flow.counts.rx_bytes,
        retransmits: flow.retransmits,
        injected_drops: flow.injected_drops,
        injected_delays: flow.injected_delays,
        rtt_samples: q.samples,
        rtt_p50_us: q.p50,
        rtt_p90_us: q.p90,
        rtt_p99_us: q.p99,
        rtt_p999_us: q.p999,
        sndbuf_used: flow.sndbuf_used.into(),
        sndbuf_limit: flow.sndbuf_limit.into(),
        sndbuf_peak_percent: f64::from(flow.sndbuf_peak) / 10.0,
        last_seen: seen.map(|at| humantime::format_rfc3339_millis(at).to_string()),
        recent: None,
    }
}

fn rest_docs(rest: &[Rest]) -> Vec<RestDoc> {
    const WHY: [(u32, &str); 3] =
        [(REST_NO_SOCKET, "no socket"), (REST_NO_FLOW, "no flow"), (REST_NOT_OBSERVED, "not observed")];
    let mut docs = Vec::new();
    for (side, first) in [("out", 0), ("in", REST_IN)] {
        for (reason, why) in WHY {
            if let Some(counted) = rest.get((first + reason) as usize).filter(|rest| rest.packets > 0) {
                let (packets, bytes) = (counted.packets, counted.bytes);
                docs.push(RestDoc { side: side.to_owned(), why: why.to_owned(), packets, bytes });
            }
        }
    }
    docs
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
