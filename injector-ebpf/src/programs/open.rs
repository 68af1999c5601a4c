//! open fails by the BPF LSM hook, where the kernel can do no better or the resolved path counts.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_d_path, macros::lsm, programs::LsmContext};
use injector_ebpf::rule::HOOK_OPEN_LSM;

use super::{
    call::{decide, inj_meant, target},
    gate::{self, Slot},
    kernel::offset,
    maps::PATH_ROOM,
    task,
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
    let number = task::syscall();
    if inj_meant(entry.rules, HOOK_OPEN_LSM, number) == 0 {
        let first = Slot::first(entry.rules, HOOK_OPEN_LSM, |_| true)?;
        task::inj_passes_by(1 << first.index, number);
        return None;
    }
    let file = ctx.arg::<*const c_void>(0);
    decide(entry, HOOK_OPEN_LSM, number, now, |path| {
        let f_path = unsafe { file.cast::<u8>().add(offset!(OFF_F_PATH)) };
        unsafe { bpf_d_path(f_path.cast_mut().cast(), path.cast(), PATH_ROOM as u32) > 0 }
    })
}
