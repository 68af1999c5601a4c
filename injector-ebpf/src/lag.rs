//! How long what a cgroup asked of disks took, and how long its tasks waited for a CPU.

use crate::{hist::BUCKETS, layout};

/// Requests that read, from the moment at which the device got them to their end.
pub const IO_READ: u32 = 0;
/// The same of requests that write.
pub const IO_WRITE: u32 = 1;
/// Requests of both kinds, from the scheduler's queue to the device. A request that goes there at once is none of them.
pub const IO_QUEUED: u32 = 2;
/// Tasks, from the moment at which they could run to the one at which they did.
pub const RUN_QUEUE: u32 = 3;
/// Number of kinds.
pub const LAG_KINDS: u32 = 4;

/// How many pairs of cgroup and kind have a place.
pub const MOST_LAGS: u32 = 4096;
/// How many requests can be on their way at once.
pub const MOST_IN_FLIGHT: u32 = 4096;
/// How many tasks can wait for a CPU at once.
pub const MOST_WAITING: u32 = 4096;

/// One kind of one cgroup. The daemon makes the places: programs in the scheduler take no memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LagKey {
    /// The id of exactly this cgroup, without those below it.
    pub cgroup: u64,
    /// [`IO_READ`] and so on.
    pub kind: u32,
    /// Zero.
    pub pad: u32,
}

/// All samples of a [`LagKey`] since it has a place.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// How many.
    pub samples: u64,
    /// Their sum, in nanoseconds.
    pub ns: u64,
    /// Samples by [`crate::hist::bucket`].
    pub buckets: [u64; BUCKETS],
}

impl Lag {
    /// No samples.
    pub const ZERO: Self = Self { samples: 0, ns: 0, buckets: [0; BUCKETS] };
}

/// A request that is on its way; by its address.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Whose it is.
    pub cgroup: u64,
    /// When it came into the scheduler's queue, in nanoseconds of CLOCK_MONOTONIC; 0: it did not.
    pub queued: u64,
    /// When the device got it; 0: it has not yet.
    pub issued: u64,
    /// [`IO_READ`] or [`IO_WRITE`].
    pub kind: u64,
}

/// What of all this was lost.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LagLost {
    /// Samples of cgroups without a place.
    pub places_full: u64,
    /// Requests that found no room among those on their way.
    pub requests_full: u64,
    /// Waits for a CPU that found no room among those that wait.
    pub waiting_full: u64,
    /// Samples that came out negative or longer than an hour.
    pub clock: u64,
}

layout!(Lag = 16 + BUCKETS * 8, InFlight = 32, LagKey = 16, LagLost = 32);
