//! What is observed of one socket, of one dependency, and of all the rest.

use crate::{hist::BUCKETS, layout};

/// One socket's conversation with one peer: the state lives with the socket and dies with it.
///
/// Well under 2 KiB, because socket storage is charged to the socket (`optmem_max`, 20 KiB on 6.1), and an
/// observer must not make the application's own calls fail.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// cgroup of the socket's creator.
    pub cgroup: u64,
    /// The socket's cookie: unique while the host is up.
    pub cookie: u64,
    /// Local and remote address as four big-endian words, IPv4 mapped.
    pub local: [u32; 4],
    /// See `local`.
    pub remote: [u32; 4],
    /// Host order.
    pub local_port: u16,
    /// Host order.
    pub remote_port: u16,
    /// IPPROTO_TCP or IPPROTO_UDP.
    pub protocol: u32,
    /// skbs sent; one may hold many segments.
    pub tx_packets: u64,
    /// Segments sent (`gso_segs`).
    pub tx_segments: u64,
    /// Bytes sent, from the IP header on.
    pub tx_bytes: u64,
    /// As for tx.
    pub rx_packets: u64,
    /// As for tx.
    pub rx_segments: u64,
    /// As for tx.
    pub rx_bytes: u64,
    /// Retransmitted skbs (organic or because of us: compare with `injected_drops`).
    pub retransmits: u64,
    /// Segments that we lost, in both directions.
    pub injected_drops: u64,
    /// Segments that we sent through the delay device.
    pub injected_delays: u64,
    /// RTT samples in `rtt`.
    pub rtt_samples: u64,
    /// `jiffies64` when it was last seen.
    pub last: u64,
    /// Bytes queued for sending at the last look.
    pub sndbuf_used: u32,
    /// The limit at the last look.
    pub sndbuf_limit: u32,
    /// The fullest it was, in permille of the limit.
    pub sndbuf_peak: u32,
    /// Reserved.
    pub spare: u32,
    /// Raw RTT samples in microseconds, by [`crate::hist::bucket`].
    pub rtt: [u32; BUCKETS],
}

/// What must be remembered of a socket to get raw samples out of the kernel's running average.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `srtt_us` (scaled by 8) at the last packet.
    pub srtt: u32,
    /// `segs_out` at the last packet.
    pub segs_out: u32,
    /// `mdev_us` at the last packet.
    pub mdev: u32,
    /// `snd_una` at the last packet.
    pub snd_una: u32,
}

/// Sums over many sockets: the control group (index 0) and the target of each rule (1 + slot).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// RTT samples.
    pub samples: u64,
    /// Segments sent, as far as they were seen (a socket is looked at when it receives).
    pub segments: u64,
    /// Retransmitted skbs.
    pub retransmits: u64,
    /// RTT samples in microseconds, by [`crate::hist::bucket`].
    pub rtt: [u64; BUCKETS],
}

/// One end of a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Four big-endian words, IPv4 mapped.
    pub addr: [u32; 4],
    /// Host order.
    pub port: u32,
    /// Zero.
    pub pad: u32,
}

/// Number of [`Aggregate`]s: the control group and one for each rule.
pub const AGGREGATES: usize = 1 + crate::rule::MAX_RULES;

/// Flows that ended, added up: a connection that lives between two reads must not vanish.
///
/// The service's side of a connection is taken to be the one with the lower port.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DepKey {
    /// cgroup of the sockets' creator.
    pub cgroup: u64,
    /// Remote address; zero where the flow's service is local (any client).
    pub remote: [u32; 4],
    /// Port of the service, host order.
    pub port: u16,
    /// 1: the service is on this side.
    pub local: u16,
    /// IPPROTO_TCP or IPPROTO_UDP.
    pub protocol: u32,
}

/// See [`DepKey`]; the fields are sums of the same fields of [`Flow`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepValue {
    /// How many flows ended.
    pub flows: u64,
    /// Sum.
    pub tx_segments: u64,
    /// Sum.
    pub tx_bytes: u64,
    /// Sum.
    pub rx_segments: u64,
    /// Sum.
    pub rx_bytes: u64,
    /// Sum.
    pub retransmits: u64,
    /// Sum.
    pub injected_drops: u64,
    /// Sum.
    pub injected_delays: u64,
    /// Sum.
    pub rtt_samples: u64,
    /// Sum.
    pub rtt: [u32; BUCKETS],
}

/// What observation lost, and the bound on how many flows it keeps.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Flows whose storage was made.
    pub created: u64,
    /// Flows not observed because the bound was reached.
    pub refused: u64,
    /// Flows not observed because the kernel gave no memory.
    pub no_memory: u64,
    /// Ended flows that found no place in the table of dependencies.
    pub deps_full: u64,
    /// Samples that came out negative or absurd and were thrown away.
    pub bad_samples: u64,
    /// Ended flows that were added to a dependency.
    pub folded: u64,
    /// Packets of cgroups that found no place in the table of cgroups.
    pub cgroups_full: u64,
    /// TCP packets that gave no sample because the kernel gave their sockets no memory.
    pub unseen: u64,
}

layout!(
    Flow = 160 + BUCKETS * 4,
    Aggregate = 24 + BUCKETS * 8,
    DepKey = 32,
    DepValue = 72 + BUCKETS * 4,
    FlowStats = 64,
);
const _: () = assert!(size_of::<Flow>() <= 2048);
const _: () = assert!(size_of::<Seen>() == 16 && size_of::<End>() == 24);
#[cfg(feature = "user")]
// SAFETY: four words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for Seen {}
#[cfg(feature = "user")]
// SAFETY: six words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for End {}
