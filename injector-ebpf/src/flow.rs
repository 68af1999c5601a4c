//! What is observed of one socket, of one dependency, and of all the rest.

use crate::{hist::BUCKETS, layout};

/// One socket's conversation with one peer: the state lives with the socket and dies with it.
///
/// Small, because socket storage is charged to the socket (`optmem_max`, 20 KiB on 6.1), and an observer must not
/// make the application's own calls fail. The histogram is in [`FlowRtt`](crate::rtt::FlowRtt), for some flows only, and what packets add is
/// mostly in its [`Slot`](crate::slot::Slot): neither is charged to the socket.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The socket's cookie: unique while the host is up. 0: nothing was counted yet, or it has ended and was added to
    /// its dependency.
    pub cookie: u64,
    /// The daemon's count of changes of the cgroups when this socket's was looked up.
    pub generation: u32,
    /// `FLOW_` bits.
    pub flags: u32,
    /// What packets have added to it, but for what is in its [`Slot`](crate::slot::Slot).
    pub counts: Counts,
    /// `jiffies64` when it was last seen.
    pub last: u64,
    /// Retransmitted skbs (organic or because of us: compare with `injected_drops`).
    pub retransmits: u64,
    /// Segments that we lost, in both directions.
    pub injected_drops: u64,
    /// Segments that we sent through the delay device.
    pub injected_delays: u64,
    /// Local and remote address as four big-endian words, IPv4 mapped.
    pub local: [u32; 4],
    /// Host order.
    pub local_port: u16,
    /// Host order.
    pub remote_port: u16,
    /// IPPROTO_TCP or IPPROTO_UDP.
    pub protocol: u16,
    /// Zero.
    pub pad: u16,
    /// See `local`.
    pub remote: [u32; 4],
    /// cgroup of the socket's creator. From here on what a received segment's sample touches: one cache line, too.
    pub cgroup: u64,
    /// RTT samples in this flow's own histogram ([`FlowRtt`](crate::rtt::FlowRtt)); those of a flow without one are its dependency's.
    pub rtt_samples: u64,
    /// What the socket's was at the last segment received; while there is a flow, this is where it is remembered.
    pub tcp: Tcp,
    /// The rules that mean its cgroup, as of [`Flow::generation`].
    pub rules: u32,
    /// Bytes queued for sending at the last look.
    pub sndbuf_used: u32,
    /// The limit at the last look.
    pub sndbuf_limit: u32,
    /// The fullest the send buffer was, in permille of the limit.
    pub sndbuf_peak: u16,
    /// The place of its histogram plus one; 0: it has none yet; [`NO_HISTOGRAM`](crate::rtt::NO_HISTOGRAM): there was no room for one.
    pub histogram: u16,
}

/// What packets add to a flow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// skbs sent; one may hold many segments.
    pub tx_packets: u64,
    /// Bytes sent, from the IP header on.
    pub tx_bytes: u64,
    /// As for tx.
    pub rx_packets: u64,
    /// As for tx.
    pub rx_bytes: u64,
    /// Segments sent beyond one for each skb (`gso_segs` - 1).
    pub tx_more: u64,
    /// As for tx.
    pub rx_more: u64,
}

/// [`Flow::flags`]: it has ended; what still comes is added to its dependency at once.
pub const FLOW_ENDED: u32 = 1;

impl Flow {
    /// Segments sent.
    pub const fn tx_segments(&self) -> u64 {
        self.counts.tx_packets + self.counts.tx_more
    }

    /// Segments received.
    pub const fn rx_segments(&self) -> u64 {
        self.counts.rx_packets + self.counts.rx_more
    }
}

/// What must be remembered of a socket to get raw samples out of the kernel's running average.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// `srtt_us` (scaled by 8) at the last packet.
    pub srtt: u32,
    /// `segs_out` at the last packet; 0: there was none.
    pub segs_out: u32,
    /// `mdev_us` at the last packet.
    pub mdev: u32,
    /// `snd_una` at the last packet.
    pub snd_una: u32,
}

/// The same of a socket that has no flow, with what is said of its cgroup.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// At the last packet.
    pub tcp: Tcp,
    /// cgroup of the socket's creator.
    pub cgroup: u64,
    /// The daemon's count of changes of the cgroups when `rules` was looked up.
    pub generation: u32,
    /// Those that mean the cgroup.
    pub rules: u32,
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

/// Most dependencies that are told from each other; all others of a cgroup are one.
pub const MOST_DEPS: u32 = 16_384;

/// Ports from here on are given to whoever asks for none (`ip_local_port_range`): they name no service.
const EPHEMERAL: u16 = 32_768;

impl DepKey {
    /// The dependency of a socket with these ends, in host order. The service is on the side with the lower port; its
    /// clients' ports say nothing. Of an unconnected socket (remote port 0) no peer is known: it is its own service, or
    /// with a port that the kernel chose a client of anybody (port 0). Without a local port yet (0) it is a client's.
    #[inline(always)]
    pub const fn between(
        cgroup: u64,
        remote: [u32; 4],
        remote_port: u16,
        local_port: u16,
        protocol: u32,
    ) -> Self {
        let alone = remote_port == 0;
        let below = if alone { EPHEMERAL } else { remote_port };
        let local = local_port != 0 && local_port < below;
        Self {
            cgroup,
            remote: if local || alone { [0; 4] } else { remote },
            port: if local { local_port } else { remote_port },
            local: local as u16,
            protocol,
        }
    }

    /// The dependency that a flow belongs to.
    #[inline(always)]
    pub const fn of(flow: &Flow) -> Self {
        Self::between(flow.cgroup, flow.remote, flow.remote_port, flow.local_port, flow.protocol as u32)
    }

    /// Everything of a cgroup that found no place of its own.
    pub const fn other(cgroup: u64) -> Self {
        Self { cgroup, remote: [0; 4], port: 0, local: 0, protocol: 0 }
    }
}

/// See [`DepKey`]; the fields are sums of the same fields of [`Flow`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepValue {
    /// How many flows ended.
    pub flows: u64,
    /// Sum.
    pub tx_packets: u64,
    /// Sum.
    pub rx_packets: u64,
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
    /// Flows that were observed.
    pub created: u64,
    /// Packets of sockets that are not observed because the bound was reached.
    pub refused: u64,
    /// Packets of sockets that are not observed because the kernel gave no memory.
    pub no_memory: u64,
    /// Ended flows that were added to the rest of their cgroup, because the table of dependencies was full.
    pub deps_full: u64,
    /// Samples that came out negative or absurd and were thrown away.
    pub bad_samples: u64,
    /// Ended flows that were added to a dependency, or to the rest of their cgroup.
    pub folded: u64,
    /// Packets of cgroups that found no place in the table of cgroups.
    pub cgroups_full: u64,
    /// Ended flows, and samples, that found no place at all.
    pub lost: u64,
    /// TCP packets that gave no sample because the kernel gave their sockets no memory.
    pub unseen: u64,
}

/// Packets at an interface that no flow counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// skbs, as interfaces count them.
    pub packets: u64,
    /// Bytes, with the link's header.
    pub bytes: u64,
}

/// Index of [`Rest`] on the way out: without a socket, or with one that is none of a connection (forwarded, sent by the
/// kernel itself, handshakes, ARP).
pub const REST_NO_SOCKET: u32 = 0;
/// On the way out: an observed cgroup's socket that has no flow (raw, listening, refused).
pub const REST_NO_FLOW: u32 = 1;
/// On the way out: a socket of a cgroup that is not observed.
pub const REST_NOT_OBSERVED: u32 = 2;
/// Added to these: on the way in.
pub const REST_IN: u32 = 3;
/// Number of [`Rest`]s.
pub const RESTS: usize = 6;

layout!(Flow = 184, Seen = 32, DepKey = 32, DepValue = 88 + BUCKETS * 4, FlowStats = 72, Rest = 16,);
// What the kernel charges to a socket for each value and once, generously: 128 and 256 bytes.
const ON_A_SOCKET: usize = size_of::<Flow>() + size_of::<Seen>() + size_of::<crate::dep::Span>();
const _: () = assert!(ON_A_SOCKET + 3 * 128 + 256 <= 1024);
const _: () = assert!(size_of::<End>() == 24);
#[cfg(feature = "user")]
// SAFETY: six words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for End {}
