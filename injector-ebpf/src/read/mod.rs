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
use injector_ebpf::{
    flow::{Counts, Flow},
    slot::{SLOTS, Slot, SlotCounts, slot_of},
};

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
        add_slot(flow, place);
    }
    0
}

/// Writes what is in the flow and in its slot, if it has one, to its copy.
#[inline(always)]
unsafe fn add_slot(flow: *const Flow, to: *mut Flow) {
    let cookie = unsafe { (*to).cookie };
    let Some(slot) = INJ_SLOTS.get_ptr(slot_of(cookie)) else { return };
    unsafe {
        if (*slot).cookie != cookie {
            return;
        }
        let settled = || {
            let moves = core::ptr::read_volatile(&raw const (*slot).moves);
            sum(&raw const (*flow).counts, &raw const (*slot).counts, &raw mut (*to).counts);
            moves & 1 == 0 && core::ptr::read_volatile(&raw const (*slot).moves) == moves
        };
        // The slot is just being emptied, as once in 2,097,152 packets. The last time is taken as it is: what is missing the
        // next reading has. Not a loop: 6.1 refuses what the compiler makes of it.
        let _ = settled() || settled() || settled() || settled();
        // The upper half is that of a moment ago, as if it was seen within the last 2^32 ticks: 49 days at 1000 Hz.
        let last = (*slot).last;
        let now = bpf_jiffies64();
        let last = now.wrapping_sub(u64::from((now as u32).wrapping_sub(last)));
        if last > (*to).last {
            (*to).last = last;
        }
    }
}

/// What is in the flow and in its slot. The flow first: what is moved meanwhile is missing, and not there twice (on x86,
/// where loads keep their order).
#[inline(always)]
unsafe fn sum(flow: *const Counts, slot: *const SlotCounts, to: *mut Counts) {
    unsafe {
        let read = |count: *const u64| core::ptr::read_volatile(count);
        let own = Counts {
            tx_packets: read(&raw const (*flow).tx_packets),
            tx_bytes: read(&raw const (*flow).tx_bytes),
            rx_packets: read(&raw const (*flow).rx_packets),
            rx_bytes: read(&raw const (*flow).rx_bytes),
            tx_more: read(&raw const (*flow).tx_more),
            rx_more: read(&raw const (*flow).rx_more),
        };
        let slot = SlotCounts {
            tx: read(&raw const (*slot).tx),
            rx: read(&raw const (*slot).rx),
            tx_more: read(&raw const (*slot).tx_more),
            rx_more: read(&raw const (*slot).rx_more),
        };
        let slot = slot.counts();
        (*to).tx_packets = own.tx_packets + slot.tx_packets;
        (*to).tx_bytes = own.tx_bytes + slot.tx_bytes;
        (*to).rx_packets = own.rx_packets + slot.rx_packets;
        (*to).rx_bytes = own.rx_bytes + slot.rx_bytes;
        (*to).tx_more = own.tx_more + slot.tx_more;
        (*to).rx_more = own.rx_more + slot.rx_more;
    }
}
