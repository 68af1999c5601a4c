//! open fails by the BPF LSM hook, where the kernel can do no better or the resolved path counts.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::{
        bpf_probe_read_kernel,
        generated::{bpf_d_path, bpf_get_current_task_btf, bpf_task_pt_regs},
    },
    macros::lsm,
    programs::LsmContext,
};
use injector_ebpf::rule::HOOK_OPEN_LSM;

use super::{
    atomic,
    call::{Path, decide, inj_meant, target},
    events,
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
    if inj_meant(entry.rules, HOOK_OPEN_LSM, number) == 0 {
        let first = Slot::first(entry.rules, HOOK_OPEN_LSM, |_| true)?;
        unsafe { atomic::add(&raw mut (*first.stats).other_call, 1) };
        return None;
    }
    let file = ctx.arg::<*const c_void>(0);
    let path = |path: *mut Path| {
        let f_path = unsafe { file.cast::<u8>().add(offset!(OFF_F_PATH)) };
        unsafe { bpf_d_path(f_path.cast_mut().cast(), path.cast(), PATH_ROOM as u32) > 0 }
    };
    let register =
        |offset: usize| unsafe { bpf_probe_read_kernel(regs.cast::<u8>().add(offset).cast()) }.ok();
    decide(entry, HOOK_OPEN_LSM, number, now, path, || events::shown(number, register))
}
