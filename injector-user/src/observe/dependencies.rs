//! Flows to one service, open and ended, added up.

use std::collections::HashMap;

use injector_ebpf::{
    flow::{DepKey, DepValue, Flow},
    hist::BUCKETS,
};

use super::{
    address::{endpoint, protocol},
    kinds::Kinds,
    quantile::quantiles,
};
use crate::api::types::DependencyDoc;

/// The dependency that a flow belongs to: the rule by which the kernel adds ended flows (`fold` in tcp.rs).
///
/// The service is on the side with the lower port; its clients' ports say nothing.
pub fn dependency_of(flow: &Flow) -> DepKey {
    let local = flow.local_port < flow.remote_port;
    DepKey {
        cgroup: flow.cgroup,
        remote: if local { [0; 4] } else { flow.remote },
        port: if local { flow.local_port } else { flow.remote_port },
        local: u16::from(local),
        protocol: flow.protocol,
    }
}

/// Sums over flows.
struct Sum {
    open: u64,
    ended: u64,
    /// In the order of [`DependencyDoc`]: tx, rx, what went wrong, what we did.
    counts: [u64; 7],
    rtt: [u64; BUCKETS],
}

impl Sum {
    const ZERO: Self = Self { open: 0, ended: 0, counts: [0; 7], rtt: [0; BUCKETS] };

    fn add(&mut self, counts: [u64; 7], rtt: &[u32; BUCKETS]) {
        for (sum, n) in self.counts.iter_mut().zip(counts) {
            *sum = sum.saturating_add(n);
        }
        for (sum, n) in self.rtt.iter_mut().zip(rtt) {
            *sum = sum.saturating_add(u64::from(*n));
        }
    }

    fn add_open(&mut self, f: &Flow) {
        self.open += 1;
        let [tx, rx] = [[f.tx_segments, f.tx_bytes], [f.rx_segments, f.rx_bytes]];
        self.add([tx[0], tx[1], rx[0], rx[1], f.retransmits, f.injected_drops, f.injected_delays], &f.rtt);
    }

    fn add_ended(&mut self, d: &DepValue) {
        self.ended = self.ended.saturating_add(d.flows);
        let [tx, rx] = [[d.tx_segments, d.tx_bytes], [d.rx_segments, d.rx_bytes]];
        self.add([tx[0], tx[1], rx[0], rx[1], d.retransmits, d.injected_drops, d.injected_delays], &d.rtt);
    }

    fn doc(&self, key: &DepKey, kinds: &Kinds<'_>, cgroup: String) -> DependencyDoc {
        let [tx_segments, tx_bytes, rx_segments, rx_bytes, retransmits, injected_drops, injected_delays] =
            self.counts;
        let q = quantiles(&self.rtt);
        let local = key.local != 0;
        DependencyDoc {
            cgroup,
            side: if local { "in" } else { "out" }.to_owned(),
            service: if local { format!("*:{}", key.port) } else { endpoint(key.remote, key.port) },
            protocol: protocol(key.protocol),
            open: self.open,
            ended: self.ended,
            tx_segments,
            tx_bytes,
            rx_segments,
            rx_bytes,
            retransmits,
            injected_drops,
            injected_delays,
            rtt_samples: q.samples,
            rtt_p50_us: q.p50,
            rtt_p90_us: q.p90,
            rtt_p99_us: q.p99,
            kinds: kinds.doc(key, &self.rtt, injected_drops),
        }
    }
}

/// All dependencies, the ones with the most bytes first.
pub fn dependencies<'a>(
    flows: impl Iterator<Item = &'a Flow>,
    ended: impl Iterator<Item = &'a (DepKey, DepValue)>,
    kinds: &Kinds<'_>,
    mut name: impl FnMut(u64) -> String,
) -> Vec<DependencyDoc> {
    let mut sums: HashMap<DepKey, Sum> = HashMap::new();
    for flow in flows {
        sums.entry(dependency_of(flow)).or_insert(Sum::ZERO).add_open(flow);
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
