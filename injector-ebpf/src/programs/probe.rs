//! Programs that do nothing: `injector doctor` finds out with them what this kernel can do.

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, generated::bpf_override_return},
    macros::{classifier, kprobe, lsm},
    programs::{LsmContext, ProbeContext, TcContext},
};

use super::maps::INJ_PROBE;

/// Loads and attaches wherever BPF LSM is built in, but runs only where `bpf` is in the list of active LSMs:
/// so it counts, for the process whose id is in the second word.
#[lsm(hook = "file_open")]
pub fn inj_probe_lsm(_ctx: LsmContext) -> i32 {
    let tgid = bpf_get_current_pid_tgid() >> 32;
    if let (Some(hits), Some(who)) = (INJ_PROBE.get_ptr_mut(0), INJ_PROBE.get(1))
        && *who == tgid
    {
        unsafe { *hits += 1 };
    }
    0
}

/// Never overrides: the second word is a process id, and no process has this one.
#[kprobe]
pub fn inj_probe_ovr(ctx: ProbeContext) -> u32 {
    if let Some(who) = INJ_PROBE.get(1)
        && *who == u64::MAX
    {
        unsafe { bpf_override_return(ctx.regs.cast(), 0) };
    }
    0
}

/// fmod_ret, as in `call.rs`: what the call would return, it returns.
///
/// # Safety
/// The context is the kernel's: the call's argument, and what the program before this one has returned.
#[unsafe(no_mangle)]
#[unsafe(link_section = "fexit/inj_probe_ret")]
pub unsafe extern "C" fn inj_probe_ret(ctx: *mut core::ffi::c_void) -> i64 {
    unsafe { *ctx.cast::<u64>().add(1) as i64 }
}

#[classifier]
pub fn inj_empty_tc(_ctx: TcContext) -> i32 {
    aya_ebpf::bindings::TC_ACT_UNSPEC
}
