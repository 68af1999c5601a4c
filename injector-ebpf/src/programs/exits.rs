//! Processes of a target that end after a call of theirs was failed, and begin again. Attached only while a fault of
//! calls is armed; who is no target pays one look-up.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_probe_read_kernel, generated::bpf_ktime_get_ns,
    },
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use injector_ebpf::{
    reaction::{EXIT_NS, Gone, Name, RESTART_NS},
    rule::MAX_RULES,
};

use super::{
    atomic,
    call::target,
    gate::Slot,
    kernel::{field, offset},
    livelock::key,
    maps::{INJ_FAILED, INJ_GONE},
};

#[btf_tracepoint(function = "sched_process_exit")]
pub fn inj_task_exit(ctx: BtfTracePointContext) -> i32 {
    let Some(entry) = target() else { return 0 };
    let task: *const c_void = ctx.arg(0);
    let signal = field!(task, OFF_TASK_SIGNAL, *const c_void);
    // Threads come and go: the process ends with the last one.
    if signal.is_null() || field!(signal, OFF_SIGNAL_LIVE, i32) != 0 {
        return 0;
    }
    let leader = field!(task, OFF_GROUP_LEADER, *const c_void);
    let name = unsafe { leader.cast::<u8>().add(offset!(OFF_COMM)) }.cast::<[u64; 2]>();
    let comm = unsafe { bpf_probe_read_kernel(name) }.unwrap_or_default();
    inj_exited(entry.rules, (bpf_get_current_pid_tgid() >> 32) as u32, comm[0], comm[1]);
    0
}

/// Counts the end of a process, with this name, for those of the rules that have just failed a call of its.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_exited(rules: u32, process: u32, name: u64, rest: u64) -> u32 {
    let now = unsafe { bpf_ktime_get_ns() };
    for index in 0..MAX_RULES as u32 {
        if rules >> index & 1 == 0 {
            continue;
        }
        let Some(slot) = Slot::get(index) else { return 0 };
        let key = key(index, process);
        let Some(failed) = INJ_FAILED.get_ptr_mut(&key) else { continue };
        let fault = unsafe { (*slot.stats).reaction.fault };
        let (of, at) = unsafe { ((*failed).fault, (*failed).at) };
        let _gone = INJ_FAILED.remove(&key);
        if slot.rule.hook == 0 || of != fault || now.saturating_sub(at) > EXIT_NS {
            continue;
        }
        unsafe { atomic::add(&raw mut (*slot.stats).reaction.exited, 1) };
        let name = Name { comm: [name, rest], rule: u64::from(index) };
        if let Some(gone) = INJ_GONE.get_ptr_mut(&name)
            && unsafe { (*gone).fault } == fault
        {
            unsafe {
                (*gone).at = now;
                atomic::add(&raw mut (*gone).left, 1);
            }
            continue;
        }
        let _full = INJ_GONE.insert(&name, &Gone { fault, at: now, left: 1 }, 0);
    }
    0
}

#[btf_tracepoint(function = "sched_process_exec")]
pub fn inj_task_exec(_ctx: BtfTracePointContext) -> i32 {
    let Some(entry) = target() else { return 0 };
    let Ok(comm) = bpf_get_current_comm() else { return 0 };
    let name = unsafe { core::mem::transmute::<[u8; 16], [u64; 2]>(comm) };
    inj_begun(entry.rules, name[0], name[1]);
    0
}

/// A program with this name begins: the end of one is made up for.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_begun(rules: u32, name: u64, rest: u64) -> u32 {
    let now = unsafe { bpf_ktime_get_ns() };
    for index in 0..MAX_RULES as u32 {
        if rules >> index & 1 == 0 {
            continue;
        }
        let Some(slot) = Slot::get(index) else { return 0 };
        if slot.rule.hook == 0
            || unsafe { core::ptr::read_volatile(&raw const (*slot.stats).reaction.exited) } == 0
        {
            continue;
        }
        let name = Name { comm: [name, rest], rule: u64::from(index) };
        let Some(gone) = INJ_GONE.get_ptr_mut(&name) else { continue };
        let left = unsafe { core::ptr::read_volatile(&raw const (*gone).left) };
        if left == 0
            || unsafe {
                (*gone).fault != (*slot.stats).reaction.fault || now.saturating_sub((*gone).at) > RESTART_NS
            }
        {
            continue;
        }
        if unsafe { atomic::exchange(&raw mut (*gone).left, left, left - 1) } == left {
            unsafe { atomic::add(&raw mut (*slot.stats).reaction.restarted, 1) };
        }
    }
    0
}
