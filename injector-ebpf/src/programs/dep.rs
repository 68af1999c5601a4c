//! Where latencies and what goes wrong are kept, by dependency.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{BPF_NOEXIST, BPF_SK_STORAGE_GET_F_CREATE},
    helpers::generated::{bpf_ktime_get_ns, bpf_sk_storage_get},
};
use injector_ebpf::{
    dep::{ABSURD_NS, CountKey, DepLost, Span, TimeKey},
    flow::DepKey,
    hist::bucket,
};

use super::{
    atomic, gate,
    kernel::{field, socket_cgroup},
    maps::{INJ_DEP_COUNTS, INJ_DEP_LOST, INJ_DEP_SPANS, INJ_DEP_TIMES, INJ_ZERO_TIMES, raw},
};

pub const TCP: u32 = 6;
pub const UDP: u32 = 17;
const AF_INET: u16 = 2;

/// Counts a loss of this kind of observation.
macro_rules! missed {
    ($field:ident) => {
        if let Some(lost) = $crate::programs::dep::lost() {
            unsafe { $crate::programs::atomic::add(core::ptr::addr_of_mut!((*lost).$field), 1) }
        }
    };
}
pub(crate) use missed;

pub fn lost() -> Option<*mut DepLost> {
    INJ_DEP_LOST.get_ptr_mut(0)
}

pub fn now() -> u64 {
    unsafe { bpf_ktime_get_ns() }
}

/// The dependency of a `struct sock` whose cgroup is watched.
#[inline(always)]
pub fn of_socket(sk: *const c_void, local_port: u16, protocol: u32) -> Option<DepKey> {
    let cgroup = socket_cgroup(sk);
    if !gate::watched(cgroup) {
        return None;
    }
    let mut remote = [0, 0, 0xffff_u32.to_be(), 0];
    if field!(sk, OFF_FAMILY, u16) == AF_INET {
        remote[3] = field!(sk, OFF_DADDR, u32);
    } else {
        remote = field!(sk, OFF_DADDR6, [u32; 4]);
    }
    let remote_port = u16::from_be(field!(sk, OFF_DPORT, u16));
    Some(DepKey::between(cgroup, remote, remote_port, local_port, protocol))
}

/// What of a socket is under way, if that was ever asked for.
///
/// # Safety
/// `sk` is a socket as the program's type hands it out.
#[inline(always)]
pub unsafe fn span(sk: *mut c_void) -> Option<*mut Span> {
    let span = unsafe { bpf_sk_storage_get(raw(&INJ_DEP_SPANS), sk, core::ptr::null_mut(), 0) };
    if span.is_null() { None } else { Some(span.cast()) }
}

/// The same, made if it is not there: all zero then.
///
/// # Safety
/// As for [`span`].
#[inline(always)]
pub unsafe fn new_span(sk: *mut c_void) -> Option<*mut Span> {
    let create = u64::from(BPF_SK_STORAGE_GET_F_CREATE);
    let span = unsafe { bpf_sk_storage_get(raw(&INJ_DEP_SPANS), sk, core::ptr::null_mut(), create) };
    if span.is_null() {
        missed!(no_memory);
        return None;
    }
    Some(span.cast())
}

/// Adds a latency that began and ended at these times, in nanoseconds.
#[inline(always)]
pub fn sample(dep: DepKey, kind: u32, began: u64, ended: u64) {
    let ns = ended.wrapping_sub(began);
    if began == 0 || ns > ABSURD_NS {
        missed!(clock);
        return;
    }
    // Less than 2^32: an hour has 3.6e9 microseconds.
    let index = bucket((ns / 1000) as u32) as u64;
    // Through memory, so that the compiler keeps the bounds check that the verifier wants to see.
    let index = unsafe { core::ptr::read_volatile(&raw const index) as usize };
    let key = TimeKey { dep, kind, pad: 0 };
    let times = match INJ_DEP_TIMES.get_ptr_mut(&key) {
        Some(times) => times,
        None => {
            let Some(zero) = INJ_ZERO_TIMES.get(0) else { return };
            // Somebody else may have been first: then this fails, and the look-up finds theirs.
            let _ = INJ_DEP_TIMES.insert(&key, zero, u64::from(BPF_NOEXIST));
            match INJ_DEP_TIMES.get_ptr_mut(&key) {
                Some(times) => times,
                None => {
                    missed!(times_full);
                    return;
                }
            }
        }
    };
    unsafe {
        atomic::add(&raw mut (*times).samples, 1);
        if let Some(bucket) = (*times).buckets.get_mut(index) {
            atomic::add32(bucket, 1);
        }
    }
}

/// Counts something that went wrong.
#[inline(always)]
pub fn count(dep: DepKey, what: u32, detail: u32, by: u64) {
    let key = CountKey { dep, what, detail };
    let at = match INJ_DEP_COUNTS.get_ptr_mut(&key) {
        Some(at) => at,
        None => {
            let _ = INJ_DEP_COUNTS.insert(&key, &0, u64::from(BPF_NOEXIST));
            match INJ_DEP_COUNTS.get_ptr_mut(&key) {
                Some(at) => at,
                None => {
                    missed!(counts_full);
                    return;
                }
            }
        }
    };
    unsafe { atomic::add(at, by) };
}
