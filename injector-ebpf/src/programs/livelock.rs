//! What a thread does after a call of its was failed: it tries again, or so often that the fault backs off.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_ns};
use injector_ebpf::reaction::{Failed, PASSES, RETRIED, Thread};

use super::{
    atomic,
    gate::Slot,
    maps::{INJ_FAILED, INJ_THREADS},
};

/// The key of [`INJ_THREADS`] and [`INJ_FAILED`].
#[inline(always)]
pub fn key(index: u32, id: u32) -> u64 {
    u64::from(index) << 32 | u64::from(id)
}

/// The present thread makes a call that the rule means. 1: let it pass, the fault has backed off.
///
/// Costs one look at the counters until the rule has failed its first call.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_called(index: u32, number: u64) -> u32 {
    let Some(slot) = Slot::get(index) else { return 0 };
    let stats = slot.stats;
    if unsafe { core::ptr::read_volatile(&raw const (*stats).acted) } == 0 {
        return 0;
    }
    let key = key(index, bpf_get_current_pid_tgid() as u32);
    let Some(thread) = INJ_THREADS.get_ptr_mut(&key) else { return 0 };
    // No other CPU writes to it: a thread is on one at a time.
    let thread = unsafe { &mut *thread };
    if thread.fault != unsafe { (*stats).reaction.fault } {
        return 0;
    }
    let said = thread.called(number, unsafe { bpf_ktime_get_ns() });
    if said & RETRIED != 0 {
        unsafe { atomic::add(&raw mut (*stats).reaction.retried, 1) };
    }
    if said & PASSES == 0 {
        return 0;
    }
    unsafe { atomic::add(&raw mut (*stats).reaction.passed_livelock, 1) };
    1
}

/// The rule has failed the present thread's call.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_failed(index: u32, number: u64) -> u32 {
    let Some(slot) = Slot::get(index) else { return 0 };
    let (now, id) = unsafe { (bpf_ktime_get_ns(), bpf_get_current_pid_tgid()) };
    let fault = unsafe { (*slot.stats).reaction.fault };
    let _full = INJ_FAILED.insert(&key(index, (id >> 32) as u32), &Failed { fault, at: now }, 0);
    let key = key(index, id as u32);
    if let Some(thread) = INJ_THREADS.get_ptr_mut(&key) {
        let thread = unsafe { &mut *thread };
        if thread.fault == fault {
            if thread.fails(number, now) {
                unsafe { atomic::add(&raw mut (*slot.stats).reaction.livelocks, 1) };
            }
            return 0;
        }
    }
    let mut thread = Thread { fault, ..Thread::default() };
    thread.fails(number, now);
    let _full = INJ_THREADS.insert(&key, &thread, 0);
    0
}
