//! open fails by the BPF LSM hook, or by fmod_ret on `security_file_open`, where the kernel can do no better or the resolved path counts.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_d_path, bpf_get_attach_cookie},
    macros::lsm,
    programs::LsmContext,
};
use injector_ebpf::{
    call_means::CALL_PATH,
    rule::{HOOK_OPEN_LSM, HOOK_OPEN_SECURITY},
};

use super::{
    call::{inj_meant, settle, target},
    call_path::{inj_fits, inj_give_room, inj_take_room, inj_unreadable, inj_with_path},
    call_which::{inj_asks, inj_narrow},
    gate::{self, Slot},
    kernel::offset,
    lsm::by,
    maps::{INJ_PATH, PATH_ROOM},
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
    // Aya's link tells nothing.
    let hook = by(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) }, HOOK_OPEN_LSM, HOOK_OPEN_SECURITY);
    let mut meant = inj_meant(entry.rules, hook, number);
    if meant == 0 {
        let first = Slot::first(entry.rules, hook, |_| true)?;
        task::inj_passes_by(1 << first.index, number);
        return None;
    }
    let registers = task::registers();
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
    let room = inj_take_room();
    if let Some(path) = INJ_PATH.get_ptr_mut(room) {
        let f_path = unsafe { file.cast::<u8>().add(offset!(OFF_F_PATH)) };
        if unsafe { bpf_d_path(f_path.cast_mut().cast(), path.cast(), PATH_ROOM as u32) } > 0 {
            fits = inj_fits(meant, CALL_PATH, room);
            unreadable = fits >> 16;
        }
    }
    inj_give_room(room);
    let kept = inj_with_path(meant, fits, CALL_PATH);
    if unreadable != 0 && kept != meant {
        inj_unreadable(meant & !kept, CALL_PATH);
    }
    kept
}
