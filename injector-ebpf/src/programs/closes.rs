//! Descriptors that a target closes after a call on them was failed. Attached only while such a fault is armed; every other
//! `close` of the host pays one look-up.

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_ns};
use injector_ebpf::{
    call_means::SHAPE_FD,
    reaction::OnDescriptor,
    rule::{CALLS, RULE_CLOSES},
};

use super::{
    atomic,
    call_fd::argument_of,
    call_which::{argument, read},
    gate::Slot,
    maps::{INJ_CALL_SHAPES, INJ_CLOSES},
};

/// The key of [`INJ_CLOSES`], for the present process.
#[inline(always)]
fn key(descriptor: u64) -> u64 {
    (bpf_get_current_pid_tgid() >> 32) << 32 | descriptor & 0xffff_ffff
}

/// The rule has failed this call of the present process: its descriptor is remembered, if it is to be.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_on_descriptor(index: u32, number: u64, registers: u64) -> u32 {
    let Some(slot) = Slot::get(index) else { return 0 };
    if slot.rule.flags & RULE_CLOSES == 0 || registers == 0 {
        return 0;
    }
    let shape = INJ_CALL_SHAPES.get((number % CALLS as u64) as u32).copied().unwrap_or(0);
    let Some(descriptor) = argument_of(shape, SHAPE_FD, registers) else { return 0 };
    let failed = OnDescriptor {
        fault: unsafe { (*slot.stats).reaction.fault },
        at: unsafe { bpf_ktime_get_ns() },
        rule: u64::from(index),
    };
    let _full = INJ_CLOSES.insert(&key(descriptor), &failed, 0);
    0
}

/// The present process closes this descriptor.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_closed(descriptor: u64) -> u32 {
    let key = key(descriptor);
    let Some(found) = INJ_CLOSES.get_ptr(&key) else { return 0 };
    let failed = unsafe { *found };
    let _gone = INJ_CLOSES.remove(&key);
    let Some(slot) = Slot::get(failed.rule as u32) else { return 0 };
    if failed.closed(unsafe { (*slot.stats).reaction.fault }, unsafe { bpf_ktime_get_ns() }) {
        unsafe { atomic::add(&raw mut (*slot.stats).reaction.closed, 1) };
    }
    0
}

/// fentry on the function of `close`; compiled as `inj_call_ret` is, and loaded by `kernel/modify_return.rs`.
///
/// # Safety
/// The context is the kernel's: the address of the user's registers.
#[unsafe(no_mangle)]
#[unsafe(link_section = "fentry/inj_close")]
pub unsafe extern "C" fn inj_close(ctx: *mut c_void) -> i32 {
    inj_closed(argument(read(ctx as u64), 0));
    0
}
