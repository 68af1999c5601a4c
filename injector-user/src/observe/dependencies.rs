//! Flows to one service, open and ended, added up.

use std::collections::HashMap;

use injector_ebpf::{
    flow::{DepKey, DepValue, Flow},
    hist::BUCKETS,
    rtt::FlowRtt,
};

use super::{
    address::{endpoint, protocol},
    kinds::Kinds,
    quantile::quantiles,
};
use crate::api::types::DependencyDoc;

/// What of a cgroup found no place in the kernel's table, in place of a service.
const OTHER: &str = "other";

/// The service that a dependency is, in words.
pub fn service(key: &DepKey) -> String {
    match (key.local, key.protocol) {
        (0, 0) => OTHER.to_owned(),
        (0, _) => endpoint(key.remote, key.port),
        (_, _) => format!("*:{}", key.port),
    }
}

/// Sums over flows.
struct Sum {
    open: u64,
    ended: u64,
    /// In the order of [`DependencyDoc`]: tx, rx, and what went wrong with what we did.
    counts: [[u64; 3]; 3],
    rtt: [u64; BUCKETS],
}

impl Sum {
    const ZERO: Self = Self { open: 0, ended: 0, counts: [[0; 3]; 3], rtt: [0; BUCKETS] };

    fn add(&mut self, counts: [[u64; 3]; 3], rtt: Option<&[u32; BUCKETS]>) {
        for (sum, n) in self.counts.iter_mut().flatten().zip(counts.into_iter().flatten()) {
            *sum = sum.saturating_add(n);
        }
        let Some(rtt) = rtt else { return };
        for (sum, n) in self.rtt.iter_mut().zip(rtt) {
            *sum = sum.saturating_add(u64::from(*n));
        }
    }

    /// Without a histogram its samples are among the ended ones already.
    fn add_open(&mut self, f: &Flow, rtt: Option<&FlowRtt>) {
        self.open += 1;
        let tx = [f.counts.tx_packets, f.tx_segments(), f.counts.tx_bytes];
        let rx = [f.counts.rx_packets, f.rx_segments(), f.counts.rx_bytes];
        let rest = [f.retransmits, f.injected_drops, f.injected_delays];
        self.add([tx, rx, rest], rtt.map(|own| &own.rtt));
    }

    fn add_ended(&mut self, d: &DepValue) {
        self.ended = self.ended.saturating_add(d.flows);
        let tx = [d.tx_packets, d.tx_segments, d.tx_bytes];
        let rx = [d.rx_packets, d.rx_segments, d.rx_bytes];
        let rest = [d.retransmits, d.injected_drops, d.injected_delays];
        self.add([tx, rx, rest], Some(&d.rtt));
    }

    fn doc(&self, key: &DepKey, kinds: &Kinds<'_>, cgroup: String) -> DependencyDoc {
        let [
            [tx_packets, tx_segments, tx_bytes],
            [rx_packets, rx_segments, rx_bytes],
            [retransmits, injected_drops, injected_delays],
        ] = self.counts;
        let q = quantiles(&self.rtt);
        let local = key.local != 0;
        DependencyDoc {
            cgroup,
            side: if local { "in" } else { "out" }.to_owned(),
            service: service(key),
            names: Vec::new(),
            protocol: protocol(key.protocol),
            open: self.open,
            ended: self.ended,
            tx_packets,
            tx_segments,
            tx_bytes,
            rx_packets,
            rx_segments,
            rx_bytes,
            retransmits,
            injected_drops,
            injected_delays,
            rtt_samples: q.samples,
            rtt_p50_us: q.p50,
            rtt_p90_us: q.p90,
            rtt_p99_us: q.p99,
            rtt_p999_us: q.p999,
            kinds: kinds.doc(key, &self.rtt, injected_drops),
        }
    }
}

/// All dependencies, the ones with the most bytes first.
pub fn dependencies<'a>(
    flows: impl Iterator<Item = &'a Flow>,
    histograms: &HashMap<u64, FlowRtt>,
    ended: impl Iterator<Item = &'a (DepKey, DepValue)>,
    kinds: &Kinds<'_>,
    mut name: impl FnMut(u64) -> String,
) -> Vec<DependencyDoc> {
    let mut sums: HashMap<DepKey, Sum> = HashMap::new();
    for flow in flows {
        let rtt = histograms.get(&flow.cookie);
        sums.entry(DepKey::of(flow)).or_insert(Sum::ZERO).add_open(flow, rtt);
    }
    for (key, value) in ended {
        sums.entry(*key).or_insert(Sum::ZERO).add_ended(value);
    }
    // A connect that fails may have left nothing else.
    for key in kinds.keys() {
        sums.entry(*key).or_insert(Sum::ZERO);
    }
    let mut docs: Vec<_> = sums.iter().map(|(key, sum)| sum.doc(key, kinds, name(key.cgroup))).collect();
    docs.sort_by(|a, b| {
        let order = |d: &DependencyDoc| std::cmp::Reverse(d.tx_bytes.saturating_add(d.rx_bytes));
        let rest = |d: &DependencyDoc| (d.cgroup.clone(), d.service.clone(), d.protocol.clone());
        order(a).cmp(&order(b)).then_with(|| rest(a).cmp(&rest(b)))
    });
    docs
}
