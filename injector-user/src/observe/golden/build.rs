//! The model, from the document of flows.

use std::collections::BTreeMap;

use super::{Count, Fill, Golden, Latency, Row, Traffic};
use crate::api::types::{CgroupRttDoc, DependencyDoc, FlowDoc, FlowsDoc, ListenerDoc};

/// What `flows` says, as cgroups with their dependencies with their flows.
pub fn golden(flows: &FlowsDoc) -> Golden {
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
    for listener in &flows.listeners {
        let cgroup = cgroups.entry(listener.cgroup.clone()).or_default();
        let port = port(&listener.local);
        cgroup.below.entry(key("tcp", &format!("*:{port}"))).or_default().listeners.push(listener);
    }
    for rtt in &flows.cgroups {
        cgroups.entry(rtt.cgroup.clone()).or_default().rtt = Some(rtt);
    }
    let cgroups = cgroups.iter().map(|(path, cgroup)| cgroup.row(path)).collect();
    Golden { at: flows.at.clone(), watched: flows.watched.clone(), cgroups }
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
    rtt: Option<&'a CgroupRttDoc>,
    below: BTreeMap<(String, String), Dependency<'a>>,
}

#[derive(Default)]
struct Dependency<'a> {
    sum: Option<&'a DependencyDoc>,
    flows: Vec<&'a FlowDoc>,
    listeners: Vec<&'a ListenerDoc>,
}

impl Cgroup<'_> {
    fn row(&self, path: &str) -> Row {
        let below: Vec<_> = self.below.iter().map(|(key, dependency)| dependency.row(path, key)).collect();
        // Without the cgroup's own histogram its quantiles are not known, unless it has one part only.
        let latency = match (self.rtt, below.as_slice()) {
            (Some(rtt), _) => vec![Latency {
                what: "rtt",
                samples: rtt.rtt_samples,
                p50: rtt.rtt_p50_us,
                p90: rtt.rtt_p90_us,
                p99: rtt.rtt_p99_us,
            }],
            (None, [only]) => only.latency.clone(),
            (None, _) => Vec::new(),
        };
        let mut traffic = Traffic::default();
        for one in below.iter().map(|row| row.traffic) {
            traffic.sent = traffic.sent.saturating_add(one.sent);
            traffic.received = traffic.received.saturating_add(one.received);
            traffic.open = traffic.open.saturating_add(one.open);
            traffic.ended = traffic.ended.saturating_add(one.ended);
        }
        Row {
            id: path.to_owned(),
            name: path.to_owned(),
            latency,
            traffic,
            errors: added(below.iter().map(|row| &row.errors)),
            injected: added(below.iter().map(|row| &row.injected)),
            saturation: fullest(below.iter().flat_map(|row| &row.saturation)),
            below,
        }
    }
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

/// The fullest of each kind.
fn fullest<'a>(fills: impl Iterator<Item = &'a Fill>) -> Vec<Fill> {
    let mut most: Vec<Fill> = Vec::new();
    for one in fills {
        match most.iter_mut().find(|fill| fill.what == one.what) {
            Some(fill) => fill.percent = fill.percent.max(one.percent),
            None => most.push(one.clone()),
        }
    }
    most
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
        let listeners =
            self.listeners.iter().filter_map(|l| fill("accept queue", l.accept_queue, l.accept_limit));
        let sum = self.sum;
        let number = |of: fn(&DependencyDoc) -> u64| sum.map_or(0, of);
        Row {
            name: format!("{protocol} {service}"),
            latency: sum
                .iter()
                .map(|s| rtt(s.rtt_samples, s.rtt_p50_us, s.rtt_p90_us, s.rtt_p99_us))
                .collect(),
            traffic: Traffic {
                sent: number(|s| s.tx_bytes),
                received: number(|s| s.rx_bytes),
                open: number(|s| s.open),
                ended: number(|s| s.ended),
            },
            errors: vec![Count { what: "retransmits", n: number(|s| s.retransmits) }],
            injected: injected(number(|s| s.injected_drops), number(|s| s.injected_delays)),
            saturation: fullest(
                listeners.collect::<Vec<_>>().iter().chain(below.iter().flat_map(|row| &row.saturation)),
            ),
            below,
            id,
        }
    }
}

fn flow_row(flow: &FlowDoc, id: String, name: String) -> Row {
    Row {
        id,
        name,
        latency: vec![rtt(flow.rtt_samples, flow.rtt_p50_us, flow.rtt_p90_us, flow.rtt_p99_us)],
        traffic: Traffic { sent: flow.tx_bytes, received: flow.rx_bytes, open: 1, ended: 0 },
        errors: vec![Count { what: "retransmits", n: flow.retransmits }],
        injected: injected(flow.injected_drops, flow.injected_delays),
        saturation: fill("send buffer", flow.sndbuf_used, flow.sndbuf_limit).into_iter().collect(),
        below: Vec::new(),
    }
}

fn rtt(samples: u64, p50: Option<u64>, p90: Option<u64>, p99: Option<u64>) -> Latency {
    Latency { what: "rtt", samples, p50, p90, p99 }
}

fn injected(lost: u64, delayed: u64) -> Vec<Count> {
    vec![Count { what: "lost", n: lost }, Count { what: "delayed", n: delayed }]
}

/// Nothing where there is no limit.
fn fill(what: &'static str, used: u64, limit: u64) -> Option<Fill> {
    (limit > 0).then(|| Fill { what, percent: used as f64 * 100.0 / limit as f64 })
}
