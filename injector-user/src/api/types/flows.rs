//! What is observed of flows.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{DepsDoc, KindsDoc, KindsLostDoc, LatelyDoc, OwnerDoc, RecentDoc};

/// What observation lost: every field is a count since the daemon started.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct LostDoc {
    /// Packets of flows beyond the bound (`most_flows` of the configuration).
    pub flows_refused: u64,
    /// Packets of flows for which the kernel had no memory.
    pub flows_no_memory: u64,
    /// Ended flows that are in the sums of `other`, because the table of dependencies was full.
    pub dependencies_full: u64,
    /// Samples that came out negative.
    pub bad_samples: u64,
    /// Packets of cgroups that found no place in the table of cgroups.
    pub cgroups_full: u64,
    /// Packets without an owner.
    pub unattributed: u64,
    /// Packets of targets that could not be parsed.
    pub unparsed: u64,
    /// TCP packets, of the whole host, that gave no round trip because the kernel had no memory for their sockets.
    #[serde(default)]
    pub samples_no_memory: u64,
    /// Failed calls that were not told one by one: too many in a second, or read too late.
    #[serde(default)]
    pub events: u64,
}

/// One flow.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct FlowDoc {
    /// Path of the cgroup, or its id if it is gone.
    pub cgroup: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `address:port`.
    pub local: String,
    /// `address:port`, `*` for an unconnected socket.
    pub remote: String,
    /// Packets as the host handles them: one may hold many segments (GSO).
    #[serde(default)]
    pub tx_packets: u64,
    /// Segments.
    pub tx_segments: u64,
    /// Bytes from the IP header on.
    pub tx_bytes: u64,
    /// Packets.
    #[serde(default)]
    pub rx_packets: u64,
    /// Segments.
    pub rx_segments: u64,
    /// Bytes.
    pub rx_bytes: u64,
    /// Retransmitted skbs.
    pub retransmits: u64,
    /// Segments that we lost.
    pub injected_drops: u64,
    /// Segments that we delayed.
    pub injected_delays: u64,
    /// RTT samples.
    pub rtt_samples: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p50_us: Option<u64>,
    /// Microseconds; needs 20 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p90_us: Option<u64>,
    /// Microseconds; needs 200 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p99_us: Option<u64>,
    /// Microseconds; needs 2,000 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p999_us: Option<u64>,
    /// Send buffer in use, bytes.
    pub sndbuf_used: u64,
    /// Its limit, bytes.
    pub sndbuf_limit: u64,
    /// The fullest it was, percent.
    pub sndbuf_peak_percent: f64,
    /// When its last packet was seen: RFC 3339, to a tick of the kernel (1 to 10 ms).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_seen: Option<String>,
    /// Its round trips in the document's `window`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recent: Option<RecentDoc>,
}

/// Sums of flows to one service.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct DependencyDoc {
    /// Path of the cgroup, or its id if it is gone.
    pub cgroup: String,
    /// `out` (the service is remote) or `in` (it is this one).
    pub side: String,
    /// `address:port`, `*:port` for clients of a local service.
    pub service: String,
    /// Host names of this address, as far as the daemon was told some: `peer_names` of its configuration, and peers of faults
    /// that are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Flows that are open.
    pub open: u64,
    /// Flows that ended.
    pub ended: u64,
    /// Sums, as in [`FlowDoc`], over open and ended ones.
    #[serde(default)]
    pub tx_packets: u64,
    /// See above.
    pub tx_segments: u64,
    /// See above.
    pub tx_bytes: u64,
    /// See above.
    #[serde(default)]
    pub rx_packets: u64,
    /// See above.
    pub rx_segments: u64,
    /// See above.
    pub rx_bytes: u64,
    /// See above.
    pub retransmits: u64,
    /// See above.
    pub injected_drops: u64,
    /// See above.
    pub injected_delays: u64,
    /// RTT over all of them.
    pub rtt_samples: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p50_us: Option<u64>,
    /// Microseconds; needs 20 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p90_us: Option<u64>,
    /// Microseconds; needs 200 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p99_us: Option<u64>,
    /// Microseconds; needs 2,000 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p999_us: Option<u64>,
    /// Latencies, errors and drops by kind.
    #[serde(flatten)]
    pub kinds: KindsDoc,
}

/// A listening socket of a watched cgroup.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ListenerDoc {
    /// Path of the cgroup, or its id.
    pub cgroup: String,
    /// `address:port`.
    pub local: String,
    /// Connections that wait to be accepted.
    pub accept_queue: u64,
    /// How many may.
    pub accept_limit: u64,
}

/// Packets at the daemon's interfaces that no flow counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct RestDoc {
    /// `out` or `in`.
    pub side: String,
    /// `no socket`, `no flow` or `not observed`.
    pub why: String,
    /// skbs, as interfaces count them.
    pub packets: u64,
    /// Bytes with the link's header.
    pub bytes: u64,
}

/// Round trips of all flows of one cgroup, open and ended: quantiles of sums can't be told from those of the parts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct CgroupRttDoc {
    /// Path of the cgroup, or its id if it is gone.
    pub cgroup: String,
    /// RTT samples.
    pub rtt_samples: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p50_us: Option<u64>,
    /// Microseconds; needs 20 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p90_us: Option<u64>,
    /// Microseconds; needs 200 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p99_us: Option<u64>,
    /// Microseconds; needs 2,000 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p999_us: Option<u64>,
    /// The same in the document's `window`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recent: Option<RecentDoc>,
}

/// `injector.flows/1`. Its quantiles are since observing began, but for those of each `recent`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FlowsDoc {
    /// RFC 3339.
    pub at: String,
    /// cgroups that are watched.
    pub watched: Vec<String>,
    /// Open flows: those with the most bytes, at most 4,096.
    pub flows: Vec<FlowDoc>,
    /// How many are open in all.
    #[serde(default)]
    pub open_flows: u64,
    /// Round trips by cgroup.
    #[serde(default)]
    pub cgroups: Vec<CgroupRttDoc>,
    /// Sums over open and ended flows.
    pub dependencies: Vec<DependencyDoc>,
    /// Who is behind the cgroups of all of these, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<OwnerDoc>,
    /// With `observe: host`: what else went by the daemon's interfaces. With the flows it is all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<RestDoc>,
    /// What each `recent` is of; absent: nobody looked in the 15 s before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<LatelyDoc>,
    /// Listeners.
    pub listeners: Vec<ListenerDoc>,
    /// What is missing here.
    pub lost: LostDoc,
    /// What is missing of latencies, errors and drops by kind.
    #[serde(default)]
    pub kinds_lost: KindsLostDoc,
}

impl FlowsDoc {
    /// The cgroups that rows are of, some of them more than once.
    pub fn cgroups_of_rows(&self) -> impl Iterator<Item = &str> {
        self.cgroups.iter().map(|row| row.cgroup.as_str()).chain(self.cgroups_of_parts())
    }

    /// The same without the sums of cgroups.
    pub fn cgroups_of_parts(&self) -> impl Iterator<Item = &str> {
        let flows = self.flows.iter().map(|row| &row.cgroup);
        let dependencies = self.dependencies.iter().map(|row| &row.cgroup);
        let listeners = self.listeners.iter().map(|row| &row.cgroup);
        flows.chain(dependencies).chain(listeners).map(String::as_str)
    }
}

impl From<FlowsDoc> for DepsDoc {
    fn from(flows: FlowsDoc) -> Self {
        let FlowsDoc { at, watched, dependencies, mut owners, window, kinds_lost, .. } = flows;
        let rows = dependencies.iter().map(|one| &one.cgroup);
        let shown: HashSet<&String> = rows.chain(&watched).collect();
        owners.retain(|owner| shown.contains(&owner.cgroup));
        Self { at, watched, dependencies, owners, window, kinds_lost }
    }
}
