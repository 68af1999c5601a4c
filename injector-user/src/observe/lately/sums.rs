//! The histograms of a snapshot, added up as they are shown.

use std::collections::HashMap;

use injector_ebpf::{
    dep::{KINDS, OVERLAP},
    flow::DepKey,
    hist::BUCKETS,
};

use super::{Key, RTT, Sum, cells::Cells};
use crate::observe::Snapshot;

/// All that there are, since ever. A snapshot's flows with a histogram, and nothing else of it, are looked at one by one.
pub fn sums(snapshot: &Snapshot) -> HashMap<Key, Sum> {
    let mut all: HashMap<Key, Sum> = HashMap::new();
    let mut parts: Vec<(DepKey, &[u32; BUCKETS])> =
        snapshot.deps.iter().map(|(key, value)| (*key, &value.rtt)).collect();
    for flow in &snapshot.flows {
        if let Some(own) = snapshot.histograms.get(&flow.cookie) {
            parts.push((DepKey::of(flow), &own.rtt));
            all.insert(Key::Flow(flow.cookie), Sum { cells: Cells::of(&own.rtt), overlaps: 0 });
        }
    }
    // One sum at a time is not sparse.
    parts.sort_unstable_by_key(|(key, _)| order(key));
    for same in parts.chunk_by(|a, b| a.0 == b.0) {
        let mut sum = [0u32; BUCKETS];
        for (_, part) in same {
            sum.iter_mut().zip(part.iter()).for_each(|(sum, n)| *sum = sum.wrapping_add(*n));
        }
        if let Some((key, _)) = same.first() {
            all.insert(Key::Dependency(*key, RTT), Sum { cells: Cells::of(&sum), overlaps: 0 });
        }
    }
    for (key, times) in &snapshot.kinds.times {
        all.entry(Key::Dependency(key.dep, key.kind)).or_default().cells = Cells::of(&times.buckets);
    }
    for (key, count) in &snapshot.kinds.counts {
        if key.what == OVERLAP && key.detail < KINDS {
            let sum = all.entry(Key::Dependency(key.dep, key.detail)).or_default();
            sum.overlaps = sum.overlaps.saturating_add(*count);
        }
    }
    all
}

fn order(key: &DepKey) -> (u64, [u32; 4], u16, u16, u32) {
    (key.cgroup, key.remote, key.port, key.local, key.protocol)
}
