//! Slots: the counts of flows, by the socket's number.

use aya_ebpf::helpers::generated::bpf_jiffies64;
use injector_ebpf::flow::{Counts, Flow, SLOT_ENDED, SLOTS, Slot};

use super::{atomic, maps::INJ_SLOTS};

/// Who was about to count in a slot when its flow ended has done so after so many ticks, a second or more.
const DONE: u32 = 1000;

/// The slot of a socket, which may be another one's.
#[inline(always)]
pub fn of(cookie: u64) -> Option<*mut Slot> {
    INJ_SLOTS.get_ptr_mut(cookie as u32 % SLOTS)
}

/// Takes the slot for a flow if it is free. Is it the flow's now?
///
/// # Safety
/// `slot` is that of the flow's socket.
#[inline(always)]
pub unsafe fn claim(slot: *mut Slot, flow: *mut Flow, cookie: u64) -> bool {
    unsafe {
        if (*flow).cookie != cookie {
            return false;
        }
        let had = (*slot).cookie;
        if had == cookie {
            (*slot).generation = (*flow).generation;
            return false;
        }
        let now = bpf_jiffies64() as u32;
        let free = had == 0 || had & SLOT_ENDED != 0 && now.wrapping_sub((*slot).last) > DONE;
        if !free || atomic::exchange(&raw mut (*slot).cookie, had, cookie) != had {
            return false;
        }
        (*slot).last = now;
        (*slot).generation = (*flow).generation;
        true
    }
}

/// The flow of a socket with this number has ended: what is in its slot, if it has one, is the flow's own from now on.
///
/// # Safety
/// `flow` is that of the socket.
#[inline(always)]
pub unsafe fn end(flow: *mut Flow, cookie: u64) {
    let Some(slot) = of(cookie) else { return };
    if unsafe { atomic::exchange(&raw mut (*slot).cookie, cookie, cookie | SLOT_ENDED) } == cookie {
        unsafe { spill(slot, flow) };
    }
}

/// Moves what is in a slot to the flow's own counts.
///
/// # Safety
/// The slot is the flow's, or was.
#[inline(always)]
pub unsafe fn spill(slot: *mut Slot, flow: *mut Flow) {
    unsafe {
        let (from, to) = (&raw mut (*slot).counts, Counts::of(flow));
        atomic::add(&raw mut (*to).tx_packets, atomic::take(&raw mut (*from).tx_packets));
        atomic::add(&raw mut (*to).tx_bytes, atomic::take(&raw mut (*from).tx_bytes));
        atomic::add(&raw mut (*to).rx_packets, atomic::take(&raw mut (*from).rx_packets));
        atomic::add(&raw mut (*to).rx_bytes, atomic::take(&raw mut (*from).rx_bytes));
        atomic::add(&raw mut (*to).tx_more, atomic::take(&raw mut (*from).tx_more));
        atomic::add(&raw mut (*to).rx_more, atomic::take(&raw mut (*from).rx_more));
    }
}
