//! Iterators over what lives in sockets.
//!
//! The kernel's own buffer for an iterator is 32 KiB, and each time that it is emptied the kernel goes through its list
//! from the beginning: with 100,000 flows that would take seconds. So flows are written to a map that the daemon has in
//! its memory, and one walk is enough.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    helpers::generated::{bpf_jiffies64, bpf_ktime_get_ns},
    macros::map,
    maps::Array,
};
use injector_ebpf::flow::{Counts, Flow, SLOTS, Slot, slot_of};

/// Room for flows; the loader says how many.
#[map]
pub static INJ_READ: Array<Flow> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// Those of the object that counts.
#[map]
pub static INJ_SLOTS: Array<Slot> = Array::with_max_entries(SLOTS, BPF_F_MMAPABLE);
/// How many are in it; `jiffies64` and the monotonic clock in nanoseconds when the first one was written.
#[map]
pub static INJ_READ_AT: Array<u64> = Array::with_max_entries(3, 0);

/// `struct bpf_iter__bpf_sk_storage_map`.
#[repr(C)]
struct IterContext {
    meta: *const *mut c_void,
    map: *const c_void,
    sk: *const c_void,
    value: *const c_void,
}

#[inline(always)]
unsafe fn value<T>(ctx: *mut c_void) -> *const T {
    unsafe { core::ptr::read_volatile(&raw const (*ctx.cast::<IterContext>()).value).cast() }
}

/// Writes a flow to the next place. 1: there is none, and the kernel ends the walk with EAGAIN.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/bpf_sk_storage_map")]
pub extern "C" fn inj_iter_flows(ctx: *mut c_void) -> i32 {
    let flow: *const Flow = unsafe { value(ctx) };
    if flow.is_null() || unsafe { (*flow).cookie } == 0 {
        return 0;
    }
    let Some(at) = INJ_READ_AT.get_ptr_mut(0) else { return 1 };
    let Some(place) = INJ_READ.get_ptr_mut(unsafe { *at } as u32) else { return 1 };
    unsafe {
        // An assignment would be a loop over its bytes.
        let (from, to) = (flow.cast::<u64>(), place.cast::<u64>());
        for word in 0..size_of::<Flow>() / 8 {
            to.add(word).write_volatile(from.add(word).read_volatile());
        }
        if *at == 0
            && let (Some(ticks), Some(nanos)) = (INJ_READ_AT.get_ptr_mut(1), INJ_READ_AT.get_ptr_mut(2))
        {
            (*ticks, *nanos) = (bpf_jiffies64(), bpf_ktime_get_ns());
        }
        *at += 1;
        add_slot(place);
    }
    0
}

/// Adds what is counted in the flow's slot.
#[inline(always)]
unsafe fn add_slot(flow: *mut Flow) {
    let cookie = unsafe { (*flow).cookie };
    let Some(slot) = INJ_SLOTS.get_ptr(slot_of(cookie)) else { return };
    unsafe {
        if (*slot).cookie != cookie {
            return;
        }
        let (from, to) = (&raw const (*slot).counts, Counts::of(flow));
        (*to).tx_packets += (*from).tx_packets;
        (*to).tx_bytes += (*from).tx_bytes;
        (*to).rx_packets += (*from).rx_packets;
        (*to).rx_bytes += (*from).rx_bytes;
        (*to).tx_more += (*from).tx_more;
        (*to).rx_more += (*from).rx_more;
        // The upper half is that of a moment ago, as if it was seen within the last 2^32 ticks: 49 days at 1000 Hz.
        let last = (*slot).last;
        let now = bpf_jiffies64();
        let last = now.wrapping_sub(u64::from((now as u32).wrapping_sub(last)));
        if last > (*flow).last {
            (*flow).last = last;
        }
    }
}
