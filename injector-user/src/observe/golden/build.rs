//! The model, from the documents of flows and of saturation.

use std::collections::BTreeMap;

use super::{
    Count, Fill, Golden, Latency, Row, Traffic,
    full::{fills, fullest},
    kinds::{errors, freed, latencies},
    lags::waits,
};
use crate::{
    api::types::{CgroupRttDoc, DependencyDoc, FlowDoc, FlowsDoc, GaugeDoc, OwnerDoc, SaturationDoc, Unit},
    observe::{
        lately::Recently,
        owners::{known_as, names, programs},
        saturation::heat,
        with_names,
    },
};

/// What they say, as cgroups with their dependencies with their flows. Without `saturation` only flows have one, of
/// their buffers. Latencies are those of the document's window, if it has one.
pub fn golden(flows: &FlowsDoc, saturation: Option<&SaturationDoc>) -> Golden {
    let flows = &flows.clone().recently();
    let mut cgroups: BTreeMap<String, Cgroup> = BTreeMap::new();
    for path in &flows.watched {
        cgroups.entry(path.clone()).or_default();
    }
    for sum in &flows.dependencies {
        let below = &mut cgroups.entry(sum.cgroup.clone()).or_default().below;
        below.entry(key(&sum.protocol, &sum.service)).or_default().sum = Some(sum);
    }
    for flow in &flows.flows {
        let below = &mut cgroups.entry(flow.cgroup.clone()).or_default().below;
        below.entry(key(&flow.protocol, &service(flow))).or_default().flows.push(flow);
    }
    for rtt in &flows.cgroups {
        cgroups.entry(rtt.cgroup.clone()).or_default().rtt = Some(rtt);
    }
    for (path, lags) in saturation.into_iter().flat_map(waits) {
        cgroups.entry(path.to_owned()).or_default().lags = lags;
    }
    for ((path, service), full) in saturation.into_iter().flat_map(fills) {
        let cgroup = cgroups.entry(path.to_owned()).or_default();
        match service {
            // It reads TCP only.
            Some(service) => cgroup.below.entry(key("tcp", &service)).or_default().full.extend(full),
            None => cgroup.full.extend(full),
        }
    }
    let names = names(&flows.owners);
    for owner in &flows.owners {
        // Of a cgroup without a row there is nothing to say.
        if let Some(cgroup) = cgroups.get_mut(&owner.cgroup) {
            cgroup.owner = Some(owner);
        }
    }
    let name = |path: &String| names.get(path.as_str()).cloned().unwrap_or_else(|| path.clone());
    let cgroups = cgroups.iter().map(|(path, cgroup)| cgroup.row(path, name(path))).collect();
    let window_ms = flows.window.map(|window| window.ms);
    Golden { at: flows.at.clone(), window_ms, watched: flows.watched.clone(), cgroups }
}

fn key(protocol: &str, service: &str) -> (String, String) {
    (service.to_owned(), protocol.to_owned())
}

fn port(end: &str) -> u16 {
    end.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
}

/// The dependency that a flow belongs to: `dependency_of`, by the document. The service is on the side of the lower port.
fn service(flow: &FlowDoc) -> String {
    let local = port(&flow.local);
    if local < port(&flow.remote) { format!("*:{local}") } else { flow.remote.clone() }
}

#[derive(Default)]
struct Cgroup<'a> {
    owner: Option<&'a OwnerDoc>,
    rtt: Option<&'a CgroupRttDoc>,
    full: Vec<Fill>,
    lags: Vec<Latency>,
    below: BTreeMap<(String, String), Dependency<'a>>,
}

#[derive(Default)]
struct Dependency<'a> {
    sum: Option<&'a DependencyDoc>,
    full: Vec<Fill>,
    flows: Vec<&'a FlowDoc>,
}

impl Cgroup<'_> {
    fn row(&self, path: &str, name: String) -> Row {
        let below: Vec<_> = self.below.iter().map(|(key, dependency)| dependency.row(path, key)).collect();
        // Without the cgroup's own histogram its quantiles are not known, unless it has one part only.
        let latency = match (self.rtt, below.as_slice()) {
            (_, [only]) if !only.latency.is_empty() => only.latency.clone(),
            (Some(rtt), _) => {
                let quantiles = [rtt.rtt_p50_us, rtt.rtt_p90_us, rtt.rtt_p99_us, rtt.rtt_p999_us];
                vec![round_trips(rtt.rtt_samples, quantiles)]
            }
            (None, _) => Vec::new(),
        };
        let mut traffic = Traffic::default();
        for one in below.iter().map(|row| row.traffic) {
            traffic.sent = traffic.sent.saturating_add(one.sent);
            traffic.received = traffic.received.saturating_add(one.received);
            traffic.sent_packets = traffic.sent_packets.saturating_add(one.sent_packets);
            traffic.received_packets = traffic.received_packets.saturating_add(one.received_packets);
            traffic.open = traffic.open.saturating_add(one.open);
            traffic.ended = traffic.ended.saturating_add(one.ended);
        }
        Row {
            id: path.to_owned(),
            who: self.owner.map(|owner| who(owner, &name)).unwrap_or_default(),
            name,
            latency,
            traffic,
            errors: added(below.iter().map(|row| &row.errors)),
            injected: added(below.iter().map(|row| &row.injected)),
            freed: added(below.iter().map(|row| &row.freed)),
            saturation: fullest(self.full.iter().chain(below.iter().flat_map(|row| &row.saturation))),
            lags: self.lags.clone(),
            below,
        }
    }
}

/// What somebody looks for first comes first.
fn who(owner: &OwnerDoc, name: &str) -> Vec<String> {
    let mut who = programs(owner);
    who.extend(known_as(owner));
    who.extend((owner.cgroup != name).then(|| owner.cgroup.clone()));
    who
}

/// Sums by kind, in the order of their first.
fn added<'a>(lists: impl Iterator<Item = &'a Vec<Count>>) -> Vec<Count> {
    let mut sums: Vec<Count> = Vec::new();
    for one in lists.flatten() {
        match sums.iter_mut().find(|sum| sum.what == one.what) {
            Some(sum) => sum.n = sum.n.saturating_add(one.n),
            None => sums.push(one.clone()),
        }
    }
    sums
}

impl Dependency<'_> {
    fn row(&self, cgroup: &str, (service, protocol): &(String, String)) -> Row {
        let id = format!("{cgroup}\n{protocol} {service}");
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        let below: Vec<_> = self
            .flows
            .iter()
            .map(|flow| {
                let name = format!("{} - {}", flow.local, flow.remote);
                let nth = seen.entry(name.clone()).and_modify(|n| *n += 1).or_insert(0);
                flow_row(flow, format!("{id}\n{name}\n{nth}"), name)
            })
            .collect();
        let sum = self.sum;
        let number = |of: fn(&DependencyDoc) -> u64| sum.map_or(0, of);
        Row {
            name: format!("{protocol} {}", with_names(service, sum.map_or(&[], |sum| &sum.names))),
            who: Vec::new(),
            latency: sum.map(latencies).unwrap_or_default(),
            traffic: Traffic {
                sent: number(|s| s.tx_bytes),
                received: number(|s| s.rx_bytes),
                sent_packets: number(|s| s.tx_packets),
                received_packets: number(|s| s.rx_packets),
                open: number(|s| s.open),
                ended: number(|s| s.ended),
            },
            errors: sum.map(errors).unwrap_or_default(),
            injected: injected(number(|s| s.injected_drops), number(|s| s.injected_delays)),
            freed: sum.map(freed).unwrap_or_default(),
            saturation: fullest(self.full.iter()),
            lags: Vec::new(),
            below,
            id,
        }
    }
}

fn flow_row(flow: &FlowDoc, id: String, name: String) -> Row {
    let quantiles = [flow.rtt_p50_us, flow.rtt_p90_us, flow.rtt_p99_us, flow.rtt_p999_us];
    Row {
        id,
        name,
        who: Vec::new(),
        latency: vec![round_trips(flow.rtt_samples, quantiles)],
        traffic: Traffic {
            sent: flow.tx_bytes,
            received: flow.rx_bytes,
            sent_packets: flow.tx_packets,
            received_packets: flow.rx_packets,
            open: 1,
            ended: 0,
        },
        errors: vec![Count { what: "retransmits".to_owned(), n: flow.retransmits }],
        injected: injected(flow.injected_drops, flow.injected_delays),
        freed: Vec::new(),
        saturation: send_buffer(flow).into_iter().collect(),
        lags: Vec::new(),
        below: Vec::new(),
    }
}

pub(super) fn round_trips(samples: u64, [p50, p90, p99, p999]: [Option<u64>; 4]) -> Latency {
    Latency { what: "rtt".to_owned(), samples, multiplexed: false, p50, p90, p99, p999 }
}

fn injected(lost: u64, delayed: u64) -> Vec<Count> {
    [("lost", lost), ("delayed", delayed)].map(|(what, n)| Count { what: what.to_owned(), n }).to_vec()
}

/// Nothing where there is no limit.
fn send_buffer(flow: &FlowDoc) -> Option<Fill> {
    let limit = Some(flow.sndbuf_limit);
    let gauge = GaugeDoc::new("send_buffer", flow.sndbuf_used, limit, Unit::Bytes);
    Some(Fill { what: "send buffer".to_owned(), percent: gauge.percent?, heat: heat(&gauge) })
}
