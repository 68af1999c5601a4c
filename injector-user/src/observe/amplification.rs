//! What a target asks of its dependencies during a fault, against before it.

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use injector_ebpf::flow::DepKey;

use super::{Snapshot, address::protocol, dependencies::service};
use crate::api::types::{AmplificationDoc, PaceDoc};

/// Dependencies that are listed; the rest is added up.
const SHOWN: usize = 20;

/// What was ever seen of one dependency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Flows, open and ended.
    pub flows: u64,
    /// Segments that went out.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Asked {
    fn add(&mut self, flows: u64, segments: u64, bytes: u64) {
        self.flows = self.flows.saturating_add(flows);
        self.segments = self.segments.saturating_add(segments);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Never negative: the sums of a dependency shrink where a flow's numbers go with its socket.
    fn since(self, before: Self) -> Self {
        Self {
            flows: self.flows.saturating_sub(before.flows),
            segments: self.segments.saturating_sub(before.segments),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }
}

/// By dependency.
pub type AskedOf = HashMap<DepKey, Asked>;

/// The sums of a snapshot, of the cgroups that `keep` accepts.
pub fn asked_of(snapshot: &Snapshot, keep: impl Fn(u64) -> bool) -> AskedOf {
    let mut all = AskedOf::new();
    for flow in snapshot.flows.iter().filter(|flow| keep(flow.cgroup)) {
        all.entry(DepKey::of(flow)).or_default().add(1, flow.tx_segments(), flow.counts.tx_bytes);
    }
    for (key, value) in snapshot.deps.iter().filter(|(key, _)| keep(key.cgroup)) {
        all.entry(*key).or_default().add(value.flows, value.tx_segments, value.tx_bytes);
    }
    all
}

/// What came between two looks.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// How far apart they were.
    pub span: Duration,
    /// What came.
    pub asked: AskedOf,
}

impl Asking {
    /// `to` less `from`; dependencies of which nothing came are left out.
    pub fn between(from: &AskedOf, to: &AskedOf, span: Duration) -> Self {
        let new = to.iter().map(|(key, now)| (*key, now.since(from.get(key).copied().unwrap_or_default())));
        Self { span, asked: new.filter(|(_, new)| *new != Asked::default()).collect() }
    }

    fn pace(&self, asked: Asked, counts_flows: bool) -> PaceDoc {
        PaceDoc {
            seconds: self.span.as_secs_f64(),
            connections: counts_flows.then_some(asked.flows),
            segments: asked.segments,
            bytes: asked.bytes,
        }
    }
}

/// Dependencies before (`None`: not seen) and during a fault, those with the most bytes first, 20 at most and the sum
/// of the others. `name` gives a cgroup's path.
pub fn amplification(
    before: Option<&Asking>,
    during: &Asking,
    name: impl Fn(u64) -> String,
) -> Vec<AmplificationDoc> {
    // Who was not watched before has flows that only look new.
    let counts_flows = before.is_some();
    let was = |key: &DepKey| before.and_then(|before| before.asked.get(key)).copied().unwrap_or_default();
    let mut keys: Vec<DepKey> = during.asked.keys().copied().collect();
    keys.extend(before.iter().flat_map(|b| b.asked.keys()).filter(|key| !during.asked.contains_key(key)));
    let is = |key: &DepKey| during.asked.get(key).copied().unwrap_or_default();
    keys.sort_by_cached_key(|key| {
        let bytes = is(key).bytes.saturating_add(was(key).bytes);
        (Reverse(bytes), key.cgroup, key.port, key.remote, key.protocol, key.local)
    });
    let row = |was: Asked, is: Asked| {
        let doc = AmplificationDoc {
            before: before.map(|before| before.pace(was, true)),
            during: during.pace(is, counts_flows),
            ..AmplificationDoc::default()
        };
        with_ratios(doc)
    };
    let (shown, rest) = keys.split_at(keys.len().min(SHOWN));
    let mut docs: Vec<AmplificationDoc> = shown
        .iter()
        .map(|key| AmplificationDoc {
            cgroup: name(key.cgroup),
            side: if key.local != 0 { "in" } else { "out" }.to_owned(),
            service: service(key),
            protocol: protocol(key.protocol),
            ..row(was(key), is(key))
        })
        .collect();
    if !rest.is_empty() {
        let (mut all_was, mut all_is) = (Asked::default(), Asked::default());
        for key in rest {
            let (was, is) = (was(key), is(key));
            all_was.add(was.flows, was.segments, was.bytes);
            all_is.add(is.flows, is.segments, is.bytes);
        }
        let other = || "other".to_owned();
        docs.push(AmplificationDoc {
            cgroup: other(),
            side: other(),
            service: other(),
            protocol: other(),
            ..row(all_was, all_is)
        });
    }
    docs
}

fn with_ratios(doc: AmplificationDoc) -> AmplificationDoc {
    let of = |number: fn(&PaceDoc) -> Option<u64>| {
        let rate = |pace: &PaceDoc| Some(number(pace)? as f64 / pace.seconds).filter(|rate| rate.is_finite());
        let before = rate(doc.before.as_ref()?).filter(|before| *before > 0.0)?;
        Some(rate(&doc.during)? / before)
    };
    let ratios = [of(|pace| pace.connections), of(|pace| Some(pace.segments)), of(|pace| Some(pace.bytes))];
    let [connections_ratio, segments_ratio, bytes_ratio] = ratios;
    AmplificationDoc { connections_ratio, segments_ratio, bytes_ratio, ..doc }
}

#[cfg(test)]
#[path = "amplification_tests.rs"]
mod tests;
