//! Calls fail at an LSM hook inside of them. One program for all hooks: it does not look at their arguments, which
//! differ, but at the system call that the task is in. It is loaded once for each hook (`kernel/modify_return.rs`), and told
//! by its link's cookie which one it is at. As fmod_ret on the function that asks all LSMs (`security_*`) it stands where
//! the BPF LSM is not among them: these have the same arguments, and what it returns is taken in the same way.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_attach_cookie;
use injector_ebpf::rule::{COOKIE_SECURITY, CgroupEntry, HOOK_LSM, HOOK_SECURITY};

use super::{
    call::{inj_meant, settle, target},
    call_which::{inj_narrow, those},
    gate, task,
};

/// The bit of a rule's hook by which it acts here, by what the link tells.
#[inline(always)]
pub fn by(cookie: u64, lsm: u32, security: u32) -> u32 {
    if cookie & COOKIE_SECURITY != 0 { security } else { lsm }
}

/// Of a cgroup's rules those that act at the hook of which the link tells.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_at_hook(rules: u32, cookie: u64) -> u32 {
    let hook = by(cookie, HOOK_LSM, HOOK_SECURITY);
    those(rules, |_, rule| rule.hook & hook != 0 && rule.hooks >> (cookie & 63) & 1 != 0)
}

/// # Safety
/// The context is the kernel's.
#[unsafe(no_mangle)]
#[unsafe(link_section = "lsm/inj_call_lsm")]
pub unsafe extern "C" fn inj_call_lsm(ctx: *mut c_void) -> i32 {
    let errno = call(ctx).unwrap_or(0);
    // The bounds are for the verifier: an LSM hook returns 0 or a negative errno.
    if errno < 0 && errno >= -4095 { errno } else { 0 }
}

#[inline(always)]
fn call(ctx: *mut c_void) -> Option<i32> {
    let now = gate::open()?;
    let entry = target()?;
    let cookie = unsafe { bpf_get_attach_cookie(ctx) };
    let rules = inj_at_hook(entry.rules, cookie);
    if rules == 0 {
        return None;
    }
    let number = task::syscall();
    let mut meant = inj_meant(rules, by(cookie, HOOK_LSM, HOOK_SECURITY), number);
    if meant == 0 {
        task::inj_passes_by(rules, number);
        return None;
    }
    let registers = task::registers();
    if meant >> 16 != 0 {
        meant = inj_narrow(meant, number, registers, 1);
    }
    settle(CgroupEntry { rules, ..entry }, meant, number, registers, now)
}
