//! Kinds of latency and of what goes wrong, by dependency.

use serde::{Deserialize, Serialize};

use super::DependencyDoc;

/// One kind of latency: the kernel's own samples in a histogram, within 6.25 %.
///
/// A quantile needs 2/(1-q) samples: 20, 200 and 2,000. Absent with fewer; the median is given from the first on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct LatencyDoc {
    /// `rtt`, `handshake`, `first_byte`, `dns`, `datagram` or `accept`.
    pub kind: String,
    /// How many were measured.
    pub samples: u64,
    /// Exchanges of which no time can be told: more was sent before the answer.
    #[serde(default)]
    pub overlaps: u64,
    /// These are 10 % or more of all: then no times are given.
    #[serde(default)]
    pub multiplexed: bool,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p50_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p90_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p99_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p999_us: Option<u64>,
}

/// Something, and how often.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct CountDoc {
    /// What.
    pub name: String,
    /// How often, since the daemon started.
    pub count: u64,
}

/// What is known of one dependency beside its traffic.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct KindsDoc {
    /// Kinds of latency that there were.
    #[serde(default)]
    pub latency: Vec<LatencyDoc>,
    /// `connect ECONNREFUSED`, `connect given up` (closed before an answer), `connect not sent` (no local port was left), `reset
    /// sent`, `reset received`, `timeout` (of a segment), `dns NXDOMAIN`, `dns unanswered` (for 5 s) and so on.
    #[serde(default)]
    pub errors: Vec<CountDoc>,
    /// Packets that were dropped: `injected` by us, the others by the kernel's reason.
    #[serde(default)]
    pub drops: Vec<CountDoc>,
}

/// What of [`KindsDoc`] was lost, since the daemon started.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct KindsLostDoc {
    /// Samples that found no place.
    pub samples: u64,
    /// Errors and drops that found no place.
    pub events: u64,
    /// DNS queries that found no place.
    pub queries: u64,
    /// Sockets for which the kernel had no memory.
    pub sockets: u64,
    /// Samples that came out negative or longer than an hour.
    pub clock_went_backwards: u64,
    /// Packets that the kernel dropped, of any cgroup, whose socket it did not tell.
    pub drops_unattributed: u64,
    /// Packets that the kernel dropped because a rule said so: skbs, of all targets.
    pub drops_injected: u64,
    /// What this kernel does not tell, and why.
    pub not_measured: Vec<String>,
}

impl KindsLostDoc {
    /// What should be in the numbers and is not.
    pub fn all(&self) -> u64 {
        let full = self.samples.saturating_add(self.events).saturating_add(self.queries);
        full.saturating_add(self.sockets).saturating_add(self.clock_went_backwards)
    }
}

/// `injector.deps/1`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DepsDoc {
    /// RFC 3339.
    pub at: String,
    /// cgroups that are watched.
    pub watched: Vec<String>,
    /// The ones with the most bytes first.
    pub dependencies: Vec<DependencyDoc>,
    /// What is missing here.
    pub kinds_lost: KindsLostDoc,
}
