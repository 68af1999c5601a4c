//! open fails by the BPF LSM hook, where the kernel can do no better or the resolved path counts.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::{bpf_d_path, bpf_get_current_task_btf, bpf_task_pt_regs},
    macros::lsm,
    programs::LsmContext,
};
use injector_ebpf::{call_means::CALL_PATH, rule::HOOK_OPEN_LSM};

use super::{
    atomic,
    call::{inj_meant, settle, target},
    call_path::{give, inj_fits, inj_unreadable, inj_with_path, take},
    call_which::{inj_asks, inj_narrow, read},
    gate::{self, Slot},
    kernel::{field, offset},
    maps::PATH_ROOM,
};

#[lsm(hook = "file_open")]
pub fn inj_open_lsm(ctx: LsmContext) -> i32 {
    let errno = open_lsm(&ctx).unwrap_or(0);
    // The bounds are for the verifier: an LSM hook returns 0 or a negative errno.
    if errno < 0 && errno >= -4095 { errno } else { 0 }
}

#[inline(always)]
fn open_lsm(ctx: &LsmContext) -> Option<i32> {
    let now = gate::open()?;
    let entry = target()?;
    // The hook is hit by execve, the loader and io_uring as well: only the syscall that was asked for counts.
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as *const c_void;
    let number = field!(regs, OFF_SYSCALL_NR, u64);
    let mut meant = inj_meant(entry.rules, HOOK_OPEN_LSM, number);
    if meant == 0 {
        let first = Slot::first(entry.rules, HOOK_OPEN_LSM, |_| true)?;
        unsafe { atomic::add(&raw mut (*first.stats).other_call, 1) };
        return None;
    }
    let registers = as_number(regs);
    if meant >> 16 != 0 {
        meant = inj_narrow(meant, number, registers, 0);
    }
    if meant >> 16 != 0 && inj_asks(meant) & CALL_PATH != 0 {
        meant = resolved(meant, ctx.arg(0));
    }
    settle(entry, meant, number, registers, now)
}

/// Those of these rules that mean the file's path.
#[inline(always)]
fn resolved(meant: u32, file: *const c_void) -> u32 {
    let mut fits = 0;
    let mut unreadable = 1;
    if let Some(path) = take() {
        let f_path = unsafe { file.cast::<u8>().add(offset!(OFF_F_PATH)) };
        if unsafe { bpf_d_path(f_path.cast_mut().cast(), path.cast(), PATH_ROOM as u32) } > 0 {
            fits = inj_fits(meant, CALL_PATH);
            unreadable = fits >> 16;
        }
        give();
    }
    let kept = inj_with_path(meant, fits, CALL_PATH);
    if unreadable != 0 && kept != meant {
        inj_unreadable(meant & !kept, CALL_PATH);
    }
    kept
}

/// A pointer as a number: what is read from memory is none to the verifier.
#[inline(always)]
fn as_number(pointer: *const c_void) -> u64 {
    read((&raw const pointer) as u64)
}
