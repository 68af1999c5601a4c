//! What every program that can do harm reads first: the halt word and the lease.
//!
//! Two maps, because they have two writers. [`Halt`] is written by user space only (the daemon, or
//! `injector halt` without a daemon); [`Lease`] is written by the `beat` program only, since only the kernel
//! can read `jiffies64`.

use crate::layout;

/// "INJECTOR" in ASCII: how a halt without a daemon recognises our maps among all maps of the host.
pub const GATE_MAGIC: u64 = u64::from_be_bytes(*b"INJECTOR");

/// The node-wide stop lever of one daemon instance.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halt {
    /// [`GATE_MAGIC`].
    pub magic: u64,
    /// [`crate::ABI_VERSION`].
    pub abi: u32,
    /// The instance that owns the map.
    pub instance: u32,
    /// 0: programs may act. Anything else: every program passes everything.
    pub word: u64,
}

/// What all rules live on: kept by the daemon's heartbeat, in ticks of `jiffies64`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Programs act while `jiffies64 <= until`. 0: no lease was ever taken.
    pub until: u64,
    /// Set by `beat` when it finds the lease past: final until [`BEAT_START`].
    pub lapsed: u64,
}

/// `beat` operation: takes a fresh lease and forgets an earlier lapse. Only with no rule armed.
pub const BEAT_START: u32 = 1;
/// `beat` operation: extends a lease that is alive; latches [`Lease::lapsed`] if it is not.
pub const BEAT_RENEW: u32 = 2;
/// `beat` operation: writes the deadline of one rule, `ticks` from now.
pub const BEAT_DEADLINE: u32 = 3;

/// `beat` answers: done.
pub const BEAT_OK: u32 = 0;
/// `beat` answers: the lease had run out; nothing was renewed.
pub const BEAT_LAPSED: u32 = 1;
/// `beat` answers: the request is not one.
pub const BEAT_INVALID: u32 = 2;

/// A request to `beat`, carried as the packet of a `BPF_PROG_RUN`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BeatRequest {
    /// One of the `BEAT_` operations.
    pub op: u32,
    /// The rule, for [`BEAT_DEADLINE`].
    pub slot: u32,
    /// Duration in kernel ticks.
    pub ticks: u64,
    /// The kernel wants at least an Ethernet header (14 bytes) of test data; rounded up to a cache line.
    pub pad: [u64; 6],
}

layout!(Halt = 24, Lease = 16, BeatRequest = 64);
