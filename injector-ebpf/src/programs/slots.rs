//! Slots: the counts of flows, by the socket's number.

use aya_ebpf::helpers::generated::bpf_jiffies64;
use injector_ebpf::{
    flow::{Counts, Flow},
    slot::{SLOT_BUSY, SLOT_ENDED, Slot, SlotCounts, has_slot, slot_of},
};

use super::{atomic, gate, maps::INJ_SLOTS};

/// Who was about to count in a slot when its flow ended has done so after so many ticks, a second or more.
const DONE: u32 = 1000;

/// The slot of a socket, which may be another one's.
#[inline(always)]
pub fn of(cookie: u64) -> Option<*mut Slot> {
    INJ_SLOTS.get_ptr_mut(slot_of(cookie))
}

/// Whether packets of this socket are counted in the slot.
///
/// # Safety
/// `slot` is in the map.
#[inline(always)]
pub unsafe fn is_of(slot: *mut Slot, cookie: u64) -> bool {
    unsafe { (*slot).cookie == cookie && (*slot).generation == gate::generation() }
}

/// Takes the slot for a flow if it is free. Is it the flow's now?
///
/// # Safety
/// `slot` is that of the flow's socket.
#[inline(always)]
pub unsafe fn claim(slot: *mut Slot, flow: *mut Flow, cookie: u64) -> bool {
    unsafe {
        if (*flow).cookie != cookie || !has_slot(cookie) {
            return false;
        }
        let had = (*slot).cookie;
        if had == cookie {
            (*slot).generation = (*flow).generation;
            return false;
        }
        let ended = || (bpf_jiffies64() as u32).wrapping_sub((*slot).last) > DONE && empty(slot);
        let free = had == 0 || had & SLOT_ENDED != 0 && ended();
        if !free || atomic::exchange(&raw mut (*slot).cookie, had, SLOT_BUSY) != had {
            return false;
        }
        (*slot).generation = (*flow).generation;
        (*slot).last = bpf_jiffies64() as u32;
        atomic::exchange(&raw mut (*slot).cookie, SLOT_BUSY, cookie);
        true
    }
}

/// Whether all that was counted has been moved away: who is to do so may have been preempted.
#[inline(always)]
unsafe fn empty(slot: *mut Slot) -> bool {
    unsafe {
        let SlotCounts { tx, rx, tx_more, rx_more } = (*slot).counts;
        tx | rx | tx_more | rx_more | (*slot).moves & 1 == 0
    }
}

/// The flow of a socket with this number has ended: what is in its slot, if it has one, is the flow's own from now on.
///
/// # Safety
/// `flow` is that of the socket.
#[inline(always)]
pub unsafe fn end(flow: *mut Flow, cookie: u64) {
    let Some(slot) = of(cookie) else { return };
    unsafe {
        if (*slot).cookie != cookie {
            return;
        }
        (*slot).last = bpf_jiffies64() as u32;
        if atomic::exchange(&raw mut (*slot).cookie, cookie, cookie | SLOT_ENDED) == cookie {
            spill(slot, &raw mut (*flow).counts);
        }
    }
}

/// Moves what is in a slot to the flow's own counts.
///
/// # Safety
/// The slot is the flow's, or was.
#[inline(always)]
pub unsafe fn spill(slot: *mut Slot, to: *mut Counts) {
    unsafe {
        let Counts { tx_packets, tx_bytes, rx_packets, rx_bytes, tx_more, rx_more } = take(slot).counts();
        atomic::add(&raw mut (*to).tx_packets, tx_packets);
        atomic::add(&raw mut (*to).tx_bytes, tx_bytes);
        atomic::add(&raw mut (*to).rx_packets, rx_packets);
        atomic::add(&raw mut (*to).rx_bytes, rx_bytes);
        atomic::add(&raw mut (*to).tx_more, tx_more);
        atomic::add(&raw mut (*to).rx_more, rx_more);
    }
}

/// The same of a slot whose flow goes on; readers see it by [`Slot::moves`]. Does nothing if somebody else is at it: what he
/// leaves full the next packet moves.
///
/// # Safety
/// As for [`spill`].
#[inline(always)]
pub unsafe fn spill_full(slot: *mut Slot, to: *mut Counts) {
    unsafe {
        let moves = core::ptr::read_volatile(&raw const (*slot).moves);
        if moves & 1 == 0 && atomic::exchange(&raw mut (*slot).moves, moves, moves + 1) == moves {
            spill(slot, to);
            // Not one more than it is: the daemon may have freed the slot, and odd it would stay.
            atomic::exchange(&raw mut (*slot).moves, moves + 1, moves + 2);
        }
    }
}

/// Throws away what is in a slot.
///
/// # Safety
/// Nobody's flow has it.
#[inline(always)]
pub unsafe fn forget(slot: *mut Slot) {
    unsafe { take(slot) };
}

/// Takes what is in a slot.
#[inline(always)]
unsafe fn take(slot: *mut Slot) -> SlotCounts {
    unsafe {
        let from = &raw mut (*slot).counts;
        SlotCounts {
            tx: atomic::take(&raw mut (*from).tx),
            rx: atomic::take(&raw mut (*from).rx),
            tx_more: atomic::take(&raw mut (*from).tx_more),
            rx_more: atomic::take(&raw mut (*from).rx_more),
        }
    }
}
