//! Which system call the current task is in, for hooks that do not stand at its entry.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs};

use super::{atomic, call_which::read, gate::Slot, kernel::field};

/// [`syscall`]: a call of another table than this architecture's (a 32-bit program's): its number means nothing here.
pub const COMPAT: u64 = 1 << 32;
/// [`syscall`]: io_uring, in the task itself or in a thread of its own.
pub const IO_URING: u64 = 1 << 33;

/// `io_uring_enter`, on all architectures; with kernel threads it may also do what was asked of io_uring by itself.
const ENTER: u64 = 426;
/// include/linux/sched.h: `PF_IO_WORKER`, and `PF_KTHREAD`, whose registers are nobody's.
const WORKERS: u32 = 0x10 | 0x0020_0000;

/// The number of the call, or one of the above.
#[inline(always)]
pub fn syscall() -> u64 {
    let task = unsafe { bpf_get_current_task_btf() };
    if field!(task, OFF_TASK_FLAGS, u32) & WORKERS != 0 {
        return IO_URING;
    }
    if compat(task.cast()) {
        return COMPAT;
    }
    let regs = unsafe { bpf_task_pt_regs(task) } as *const c_void;
    match field!(regs, OFF_SYSCALL_NR, u64) {
        ENTER => IO_URING,
        number => number,
    }
}

/// The address of the user's registers as a number: what is read from memory is no pointer to the verifier.
#[inline(always)]
pub fn registers() -> u64 {
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as *const c_void;
    read((&raw const regs) as u64)
}

/// arch/x86/include/asm/thread_info.h: `TS_COMPAT`, set from the entry of such a call to its end. The calls of x32 have
/// a bit of their own in their numbers.
#[cfg(not(bpf_target_arch = "aarch64"))]
#[inline(always)]
fn compat(task: *const c_void) -> bool {
    field!(task, OFF_TASK_COMPAT, u32) & 2 != 0
}

/// arch/arm64/include/asm/thread_info.h: `TIF_32BIT`, of the whole task.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
fn compat(task: *const c_void) -> bool {
    field!(task, OFF_TASK_COMPAT, u64) & 1 << 22 != 0
}

/// Counts a call that comes by a hook and that no rule there means, with the first of these rules.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_passes_by(rules: u32, number: u64) -> u32 {
    let Some(first) = Slot::get((rules & 0xffff | 1 << 16).trailing_zeros()) else { return 0 };
    unsafe {
        atomic::add(
            match number {
                COMPAT => &raw mut (*first.stats).compat,
                IO_URING => &raw mut (*first.stats).io_uring,
                _ => &raw mut (*first.stats).other_call,
            },
            1,
        );
    }
    1
}
