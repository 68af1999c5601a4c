//! Kinds of latency and of what goes wrong, by dependency.

use serde::{Deserialize, Serialize};

use super::{DependencyDoc, LagsLostDoc, OwnerDoc};

/// One kind of latency: the kernel's own samples in a histogram, within 5.9 %.
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
    /// The same of the document's `window`. Everything else here is since observing began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recent: Option<RecentDoc>,
}

/// What [`RecentDoc`]s of a document are of.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct LatelyDoc {
    /// The last so many milliseconds: 10 s, or up to 2 s or the time between two looks longer; less in the first 10 s in
    /// which somebody looks at flows or dependencies.
    pub ms: u64,
    /// Histograms that it does not have for want of room (half a million counts): these have no `recent`.
    #[serde(default)]
    pub without_room: u64,
}

/// A latency in the document's [`LatelyDoc`]: the rules for quantiles, and for `multiplexed`, are those of [`LatencyDoc`],
/// by the samples of the window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct RecentDoc {
    /// How many were measured.
    pub samples: u64,
    /// Exchanges that overlapped.
    #[serde(default)]
    pub overlaps: u64,
    /// These are 10 % or more of all.
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
    /// Packets that the kernel freed and that are no error, by its reason: of no use any more, or without a reason
    /// (`NOT_SPECIFIED`), where that is mostly so. With `drops` these are all that it freed untaken.
    #[serde(default)]
    pub freed: Vec<CountDoc>,
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
    /// Connections of watched cgroups without a handshake's time: the kernel runs no program of a tracepoint within itself,
    /// and so missed that of the SYN, or that was sent before the cgroup was watched.
    #[serde(default)]
    pub handshakes: u64,
    /// Packets that the kernel dropped, of any cgroup, whose socket it did not tell.
    pub drops_unattributed: u64,
    /// Packets that the kernel dropped because a rule said so: skbs, of all targets.
    pub drops_injected: u64,
    /// Of the waiting for disks and CPUs; shown with the saturation.
    #[serde(default)]
    pub lags: LagsLostDoc,
    /// What this kernel does not tell, and why.
    pub not_measured: Vec<String>,
}

impl KindsLostDoc {
    /// What should be in the numbers and is not.
    pub fn all(&self) -> u64 {
        let full = self.samples.saturating_add(self.events).saturating_add(self.queries);
        full.saturating_add(self.sockets)
            .saturating_add(self.clock_went_backwards)
            .saturating_add(self.handshakes)
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
    /// Who is behind the cgroups, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<OwnerDoc>,
    /// What each `recent` is of; absent: nobody looked in the 15 s before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<LatelyDoc>,
    /// What is missing here.
    pub kinds_lost: KindsLostDoc,
}
