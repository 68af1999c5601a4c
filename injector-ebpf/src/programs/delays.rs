//! How long a packet was in our device, measured on the packet.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use injector_ebpf::hist::{BUCKETS, bucket};

use super::{atomic, maps::INJ_DELAYS};

/// A packet that went to the device of rule `slot` at `sent` (ns of the monotonic clock) is back.
#[inline(always)]
pub fn measured(slot: u32, sent: u64) {
    let Some(delays) = INJ_DELAYS.get_ptr_mut(slot) else { return };
    let us = unsafe { bpf_ktime_get_ns() }.saturating_sub(sent) / 1000;
    let at = bucket(if us > u64::from(u32::MAX) { u32::MAX } else { us as u32 });
    // Read anew: the compiler knows that it is in bounds, the verifier must be told.
    let at = unsafe { core::ptr::read_volatile(&raw const at) };
    if at < BUCKETS {
        unsafe {
            atomic::add(&raw mut (*delays).sum_us, us);
            atomic::add((&raw mut (*delays).buckets).cast::<u64>().add(at), 1);
        }
    }
}
