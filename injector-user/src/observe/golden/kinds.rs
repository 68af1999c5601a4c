//! Latencies and errors of a dependency, by kind.

use super::{Count, Latency};
use crate::{
    api::types::{DependencyDoc, LatencyDoc},
    observe::INJECTED,
};

/// All that there are, the round trips first; a daemon that tells no kinds tells these.
pub(super) fn latencies(sum: &DependencyDoc) -> Vec<Latency> {
    if sum.kinds.latency.is_empty() && sum.rtt_samples > 0 {
        return vec![super::build::round_trips(
            sum.rtt_samples,
            [sum.rtt_p50_us, sum.rtt_p90_us, sum.rtt_p99_us, sum.rtt_p999_us],
        )];
    }
    sum.kinds.latency.iter().map(one).collect()
}

fn one(doc: &LatencyDoc) -> Latency {
    Latency {
        what: doc.kind.replace('_', " "),
        samples: doc.samples,
        multiplexed: doc.multiplexed,
        p50: doc.p50_us,
        p90: doc.p90_us,
        p99: doc.p99_us,
        p999: doc.p999_us,
    }
}

/// What the kernel freed, and is no error.
pub(super) fn freed(sum: &DependencyDoc) -> Vec<Count> {
    let freed = sum.kinds.freed.iter();
    freed.map(|one| Count { what: format!("freed: {}", one.name), n: one.count }).collect()
}

/// What went wrong, and what the kernel dropped without being told to by us.
pub(super) fn errors(sum: &DependencyDoc) -> Vec<Count> {
    let retransmits = Count { what: "retransmits".to_owned(), n: sum.retransmits };
    let errors = sum.kinds.errors.iter().map(|one| Count { what: one.name.clone(), n: one.count });
    let drops = sum.kinds.drops.iter().filter(|one| one.name != INJECTED);
    let drops = drops.map(|one| Count { what: format!("dropped: {}", one.name), n: one.count });
    let retransmits = (sum.protocol == "tcp").then_some(retransmits);
    retransmits.into_iter().chain(errors).chain(drops).collect()
}
