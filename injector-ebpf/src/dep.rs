//! Kinds of latency, and of what goes wrong, of one dependency.

use crate::{flow::DepKey, hist::BUCKETS, layout};

/// From the first SYN to the established connection, at the side that connects.
pub const HANDSHAKE: u32 = 0;
/// From the last byte of a request to the first byte of its answer, on a TCP connection of ours.
pub const FIRST_BYTE: u32 = 1;
/// From a DNS query to its answer, over UDP.
pub const DNS: u32 = 2;
/// From a datagram to the next one from the same peer.
pub const DATAGRAM: u32 = 3;
/// From the established connection to the return of accept(2).
pub const ACCEPT: u32 = 4;
/// Number of kinds of latency.
pub const KINDS: u32 = 5;

/// A connection was not established; the detail is the errno, 0 or [`NOT_SENT`].
pub const CONNECT: u32 = 0;
/// We sent a reset.
pub const RESET_SENT: u32 = 1;
/// We received a reset on an established connection.
pub const RESET_RECEIVED: u32 = 2;
/// A segment was not acknowledged in time (RTO).
pub const TIMEOUT: u32 = 3;
/// Packets that the kernel dropped and that were not ours to lose; the detail is its reason.
pub const DROPPED: u32 = 4;
/// Requests and answers that overlapped, so that no time could be told; the detail is the kind of latency.
pub const OVERLAP: u32 = 5;
/// DNS answers with an error; the detail is the code.
pub const DNS_CODE: u32 = 6;
/// DNS queries without an answer for [`QUERY_NS`].
pub const DNS_TIMEOUT: u32 = 7;

/// The detail of a [`CONNECT`] that failed before its SYN: no local port was left.
pub const NOT_SENT: u32 = 0xffff;
/// After so many nanoseconds a DNS query counts as unanswered: glibc asks again then.
pub const QUERY_NS: u64 = 5_000_000_000;
/// No latency is so long: the clock went wrong, or a request was meant for nobody.
pub const ABSURD_NS: u64 = 3_600_000_000_000;

/// How many pairs of dependency and kind of latency are kept.
pub const MOST_TIMES: u32 = 2048;
/// How many pairs of dependency and what went wrong are kept.
pub const MOST_COUNTS: u32 = 8192;
/// How many unanswered DNS queries are kept.
pub const MOST_QUERIES: u32 = 4096;

/// A kind of latency of a dependency.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeKey {
    /// Whose.
    pub dep: DepKey,
    /// [`HANDSHAKE`] and so on.
    pub kind: u32,
    /// Zero.
    pub pad: u32,
}

/// Latencies, in microseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Samples.
    pub samples: u64,
    /// Samples by [`crate::hist::bucket`].
    pub buckets: [u32; BUCKETS],
}

/// Something that went wrong with a dependency.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountKey {
    /// Whose.
    pub dep: DepKey,
    /// [`CONNECT`] and so on.
    pub what: u32,
    /// An errno, a reason of the kernel's, a DNS code: see there.
    pub detail: u32,
}

/// A DNS query that waits for its answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueryKey {
    /// The cookie of the socket that asked.
    pub socket: u64,
    /// Whom.
    pub peer: [u32; 4],
    /// The number that asker and server know it by.
    pub id: u32,
    /// Zero.
    pub pad: u32,
}

/// See [`QueryKey`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// When it was sent, in nanoseconds of CLOCK_MONOTONIC.
    pub at: u64,
    /// Of which dependency.
    pub dep: DepKey,
}

/// The client's side of the socket is ours.
pub const SPAN_CLIENT: u32 = 1;
/// The server's is.
pub const SPAN_SERVER: u32 = 2;
/// A request was sent, and nothing has come since.
pub const SPAN_ASKED: u32 = 4;
/// More than one request was.
pub const SPAN_OVERLAP: u32 = 8;

/// What of one socket is under way. Lives with the socket.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When its SYN was sent, or when it came into the accept queue, in nanoseconds; 0: neither is under way.
    pub began: u64,
    /// When the last byte of the request was sent, in nanoseconds.
    pub asked: u64,
    /// UDP: whom.
    pub peer: [u32; 4],
    /// UDP: host order.
    pub port: u32,
    /// `SPAN_` bits.
    pub state: u32,
    /// `snd_una` at its last retransmission timeout.
    pub una: u32,
    /// The kernel's count of timeouts in a row then.
    pub timeouts: u32,
}

/// What of all this was lost, or belongs to nobody.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepLost {
    /// Samples whose pair of dependency and kind found no place.
    pub times_full: u64,
    /// Events whose pair of dependency and kind found no place.
    pub counts_full: u64,
    /// DNS queries that found no place.
    pub queries_full: u64,
    /// Sockets for which the kernel had no memory.
    pub no_memory: u64,
    /// Samples that came out negative or absurd.
    pub clock: u64,
    /// Packets that the kernel dropped, of no socket that could be told, for any reason.
    pub unattributed: u64,
    /// Packets that were dropped because of a rule.
    pub injected: u64,
    /// Connections that were established, and whose SYN no program saw.
    pub begins: u64,
}

layout!(
    TimeKey = 40,
    Times = 8 + BUCKETS * 4,
    CountKey = 40,
    QueryKey = 32,
    Query = 40,
    Span = 48,
    DepLost = 64,
);
