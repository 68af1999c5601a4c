//! What is going on on the node while a request is judged.

use super::HostFacts;
use std::time::{Duration, SystemTime};

/// What the verdict must know of the node, beside the targets and the protections.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeFacts {
    /// Faults that are armed now.
    pub armed: usize,
    /// Faults that were started in the last hour.
    pub started_last_hour: usize,
    /// How long ago the last fault ended; `None`: none did since the daemon began.
    pub since_last_end: Option<Duration>,
    /// All cgroups of the node; 0: not counted, and then a limit of their share refuses.
    pub node_cgroups: usize,
    /// The targets' share of the node's traffic in the last minute, 0 to 1; `None`: not measured, and then a limit
    /// of it refuses.
    pub traffic_share: Option<f64>,
    /// The time of day.
    pub now: SystemTime,
    /// The clock went another way than the monotonic one: no time window can be trusted.
    pub clock_jumped: bool,
    /// Load, pressure, memory and disks.
    pub host: HostFacts,
}

impl NodeFacts {
    /// Nothing is armed and nothing was measured: limits that need a measurement refuse.
    pub fn unmeasured(now: SystemTime) -> Self {
        NodeFacts {
            armed: 0,
            started_last_hour: 0,
            since_last_end: None,
            node_cgroups: 0,
            traffic_share: None,
            now,
            clock_jumped: false,
            host: HostFacts::default(),
        }
    }

    /// A large and idle node on which no limit of the node refuses anything.
    #[cfg(test)]
    pub(crate) fn quiet() -> Self {
        NodeFacts {
            node_cgroups: 1_000_000,
            traffic_share: Some(0.0),
            host: HostFacts::idle(),
            ..NodeFacts::unmeasured(SystemTime::now())
        }
    }
}
