//! The window in the documents.

use std::collections::HashMap;

use injector_ebpf::hist::BUCKETS;

use super::{Key, Lately, RTT};
use crate::{
    api::types::{FlowsDoc, LatelyDoc, RecentDoc},
    observe::{
        Snapshot,
        address::{endpoint, protocol},
        dependencies::service,
        kinds::{latency, name},
    },
};

/// Puts the window into `doc`, which was made of the same snapshot with the same names.
pub fn tell(
    doc: &mut FlowsDoc,
    lately: &Lately,
    snapshot: &Snapshot,
    name_of: impl Fn(u64) -> Option<String>,
) {
    let Some(span) = lately.span() else { return };
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    doc.window = Some(LatelyDoc { ms, without_room: lately.without_room() as u64 });
    let cgroup = |id: u64| name_of(id).unwrap_or_else(|| id.to_string());
    let (mut of, mut sums) = (HashMap::new(), HashMap::new());
    for key in lately.dependencies() {
        let path = cgroup(key.cgroup);
        if let Some((rtt, _)) = lately.of(&Key::Dependency(*key, RTT)) {
            add(sums.entry(path.clone()).or_insert([0; BUCKETS]), &rtt);
        }
        of.insert((path, key.local != 0, protocol(key.protocol), service(key)), *key);
    }
    for sum in &mut doc.dependencies {
        let name = (sum.cgroup.clone(), sum.side == "in", sum.protocol.clone(), sum.service.clone());
        let Some(key) = of.get(&name) else { continue };
        for one in &mut sum.kinds.latency {
            one.recent = kind(&one.kind).and_then(|kind| recent(lately, &[Key::Dependency(*key, kind)]));
        }
    }
    for sum in &mut doc.cgroups {
        sum.recent = Some(sums.get(&sum.cgroup).map_or_else(RecentDoc::default, |rtt| figures(rtt, 0)));
    }
    // Sockets of one name are told together.
    let mut open: HashMap<_, Vec<Key>> = HashMap::new();
    for flow in snapshot.flows.iter().filter(|flow| flow.rtt_samples > 0) {
        let ends = [endpoint(flow.local, flow.local_port), endpoint(flow.remote, flow.remote_port)];
        let name = (cgroup(flow.cgroup), protocol(flow.protocol.into()), ends);
        open.entry(name).or_default().push(Key::Flow(flow.cookie));
    }
    for flow in &mut doc.flows {
        let ends = [flow.local.clone(), flow.remote.clone()];
        let keys = open.get(&(flow.cgroup.clone(), flow.protocol.clone(), ends));
        flow.recent = keys.and_then(|keys| recent(lately, keys));
    }
}

/// The number of a kind that is called so.
fn kind(called: &str) -> Option<u32> {
    if called == "rtt" { Some(RTT) } else { (0..RTT).find(|kind| name(*kind) == called) }
}

fn add(sum: &mut [u32; BUCKETS], part: &[u32; BUCKETS]) {
    sum.iter_mut().zip(part).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
}

/// Of all of them; `None`: of none of them is anything known.
fn recent(lately: &Lately, keys: &[Key]) -> Option<RecentDoc> {
    let (mut sum, mut overlaps) = ([0; BUCKETS], 0_u64);
    let known: Vec<_> = keys.iter().filter_map(|key| lately.of(key)).collect();
    for (buckets, others) in &known {
        add(&mut sum, buckets);
        overlaps = overlaps.saturating_add(*others);
    }
    (!known.is_empty()).then(|| figures(&sum, overlaps))
}

fn figures(buckets: &[u32; BUCKETS], overlaps: u64) -> RecentDoc {
    latency("", buckets, overlaps).map_or_else(RecentDoc::default, |one| RecentDoc {
        samples: one.samples,
        overlaps: one.overlaps,
        multiplexed: one.multiplexed,
        p50_us: one.p50_us,
        p90_us: one.p90_us,
        p99_us: one.p99_us,
        p999_us: one.p999_us,
    })
}
