//! How long tasks that could run wait for a CPU: after they were woken, and after they had to give it up. Attached only
//! where the configuration says so: the scheduler comes by here at every switch.
//!
//! Only tasks that wait are remembered. The map's places are made beforehand: here the scheduler's locks are held, and
//! nobody may ask for memory.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_NOEXIST, helpers::generated::bpf_ktime_get_ns, macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use injector_ebpf::lag::RUN_QUEUE;

use super::{
    kernel::field,
    lag::{self, missed},
    maps::INJ_WAITING,
};

/// What the map says of a task that it has.
const KNOWN: i32 = -17;

#[btf_tracepoint(function = "sched_wakeup")]
pub fn inj_cpu_wake(ctx: BtfTracePointContext) -> i32 {
    woken(ctx.arg(0));
    0
}

#[btf_tracepoint(function = "sched_wakeup_new")]
pub fn inj_cpu_new(ctx: BtfTracePointContext) -> i32 {
    woken(ctx.arg(0));
    0
}

/// One that is on a CPU (a byte, or an int whose first byte says all) was about to sleep, and does not. One that waits
/// already had to give it up before it slept.
#[inline(always)]
fn woken(task: *const c_void) {
    if field!(task, OFF_TASK_ON_CPU, u8) == 0 {
        waits(task, u64::from(BPF_NOEXIST));
    }
}

#[inline(always)]
fn waits(task: *const c_void, flags: u64) {
    let id = field!(task, OFF_TASK_PID, u32);
    // The idle task of each CPU waits for nothing.
    if id == 0 || !lag::observed(lag::id(lag::cgroup_of(task))) {
        return;
    }
    let now = unsafe { bpf_ktime_get_ns() };
    match INJ_WAITING.insert(&id, &now, flags) {
        Ok(()) => {}
        Err(error) if error as i32 == KNOWN => {}
        Err(_) => missed!(waiting_full),
    }
}

/// One task gives the CPU to the next: it still could run if it was made to, or has not said that it sleeps.
#[btf_tracepoint(function = "sched_switch")]
pub fn inj_cpu_switch(ctx: BtfTracePointContext) -> i32 {
    let (forced, state): (u32, u32) = (ctx.arg(0), ctx.arg(3));
    if forced != 0 || state == 0 {
        waits(ctx.arg(1), 0);
    }
    let next: *const c_void = ctx.arg(2);
    let id = field!(next, OFF_TASK_PID, u32);
    let Some(since) = INJ_WAITING.get_ptr(&id) else { return 0 };
    let since = unsafe { *since };
    let _raced = INJ_WAITING.remove(&id);
    lag::sample(lag::id(lag::cgroup_of(next)), RUN_QUEUE, since, unsafe { bpf_ktime_get_ns() });
    0
}
