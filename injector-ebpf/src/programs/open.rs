//! open fails: by the BPF LSM hook, or by kprobe and `bpf_override_return` where the kernel has it.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_probe_read_kernel,
        generated::{
            bpf_d_path, bpf_get_current_cgroup_id, bpf_get_current_task_btf, bpf_override_return,
            bpf_probe_read_user_str, bpf_task_pt_regs,
        },
    },
    macros::{kprobe, lsm},
    programs::{LsmContext, ProbeContext},
};
use injector_ebpf::rule::{CG_PROTECTED, CgroupEntry, HOOK_OPEN_KPROBE, HOOK_OPEN_LSM, MAX_PATH, Rule};

use super::{
    atomic,
    gate::{self, CALL_METERS, Slot},
    kernel::{field, offset},
    maps::{INJ_PATH, INJ_TASKS, PATH_ROOM},
};

/// Numbers of the open family, and where the path is among the arguments.
#[cfg(not(bpf_target_arch = "aarch64"))]
mod nr {
    pub const OPEN: u64 = 2;
    pub const CREAT: u64 = 85;
    pub const OPENAT: u64 = 257;
    pub const OPENAT2: u64 = 437;
    pub const fn is_open(nr: u64) -> bool {
        matches!(nr, OPEN | CREAT | OPENAT | OPENAT2)
    }
    /// Offset in `struct pt_regs` of the register that holds the path: rdi or rsi.
    pub const fn path_register(nr: u64) -> usize {
        if matches!(nr, OPEN | CREAT) { 112 } else { 104 }
    }
    /// Offset of `orig_ax`.
    pub const NR_REGISTER: usize = 120;
}
#[cfg(bpf_target_arch = "aarch64")]
mod nr {
    pub const OPENAT: u64 = 56;
    pub const OPENAT2: u64 = 437;
    pub const fn is_open(nr: u64) -> bool {
        matches!(nr, OPENAT | OPENAT2)
    }
    /// Offset in `struct pt_regs` of x1.
    pub const fn path_register(_nr: u64) -> usize {
        8
    }
    /// Offset of x8, which holds the number at the entry of a syscall.
    pub const NR_REGISTER: usize = 64;
}

type Path = [u8; PATH_ROOM];

/// The cgroup of the current task, if a rule means it.
#[inline(always)]
fn target() -> Option<CgroupEntry> {
    let entry = gate::cgroup(unsafe { bpf_get_current_cgroup_id() })?;
    if entry.rules == 0 { None } else { Some(entry) }
}

/// PID 1, the daemon and sshd are never faulted, wherever they run: a login session moves into a scope of its
/// own, so a list of cgroups is not enough.
#[inline(always)]
fn protected(entry: CgroupEntry) -> bool {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let uid = bpf_get_current_uid_gid() as u32;
    if entry.flags & CG_PROTECTED != 0
        || tgid == 1
        || gate::user(uid)
        || unsafe { INJ_TASKS.get(&tgid) }.is_some()
    {
        return true;
    }
    match bpf_get_current_comm() {
        Ok(comm) => comm[0] == b's' && comm[1] == b's' && comm[2] == b'h' && comm[3] == b'd',
        Err(_) => true,
    }
}

/// Is the rule's prefix the path itself or a directory above it? Compared by components.
///
/// Word by word over the whole length, with a mask, and without leaving early: a loop whose end depends on the
/// length is turned into one that counts down, whose bound the verifier of 6.1 loses.
#[inline(always)]
fn below(rule: &Rule, path: &Path) -> bool {
    let len = rule.path_len as usize & (MAX_PATH - 1);
    let word = |bytes: *const u8, k: usize| unsafe { bytes.cast::<u64>().add(k).read() };
    let mut difference = 0;
    for k in 0..MAX_PATH / 8 {
        let bytes = len.saturating_sub(8 * k);
        let mask = if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 };
        difference |= (word(rule.path.as_ptr(), k) ^ word(path.as_ptr(), k)) & mask;
    }
    difference == 0 && matches!(path[len], 0 | b'/')
}

/// Chooses the rule and settles it. `read` fills the path and says whether it could.
#[inline(always)]
fn decide(entry: CgroupEntry, hook: u32, now: u64, read: impl FnOnce(*mut Path) -> bool) -> Option<i32> {
    let first = Slot::first(entry.rules, hook, |_| true)?;
    let path = INJ_PATH.get_ptr_mut(0)?;
    let by_path = Slot::first(entry.rules, hook, |rule| rule.path_len != 0).is_some();
    let readable = by_path && read(path);
    if by_path && !readable {
        unsafe { atomic::add(&raw mut (*first.stats).unreadable, 1) };
    }
    let slot = Slot::first(entry.rules, hook, |rule| {
        rule.path_len == 0 || (readable && below(rule, unsafe { &*path }))
    })?;
    slot.matched(1, 0);
    if protected(entry) {
        unsafe { atomic::add(&raw mut (*slot.stats).passed_protected, 1) };
        return None;
    }
    if !slot.fires(now, 1, 0, 0, &CALL_METERS) {
        return None;
    }
    Some(slot.rule.errno)
}

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
    let first = Slot::first(entry.rules, HOOK_OPEN_LSM, |_| true)?;
    // The hook is hit by execve, the loader and io_uring as well: only the syscall that was asked for counts.
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as *const c_void;
    if !nr::is_open(field!(regs, OFF_SYSCALL_NR, u64)) {
        unsafe { atomic::add(&raw mut (*first.stats).other_call, 1) };
        return None;
    }
    let file = ctx.arg::<*const c_void>(0);
    decide(entry, HOOK_OPEN_LSM, now, |path| {
        let f_path = unsafe { file.cast::<u8>().add(offset!(OFF_F_PATH)) };
        unsafe { bpf_d_path(f_path.cast_mut().cast(), path.cast(), PATH_ROOM as u32) > 0 }
    })
}

#[kprobe]
pub fn inj_open_kp(ctx: ProbeContext) -> u32 {
    if let Some(errno) = open_kprobe(&ctx) {
        unsafe { bpf_override_return(ctx.regs.cast(), i64::from(errno) as u64) };
    }
    0
}

#[inline(always)]
fn open_kprobe(ctx: &ProbeContext) -> Option<i32> {
    let now = gate::open()?;
    let entry = target()?;
    // The syscall wrappers take the user's registers as their only argument.
    let regs = ctx.arg::<*const u8>(0)?;
    let register = |offset: usize| unsafe { bpf_probe_read_kernel(regs.add(offset).cast::<u64>()) }.ok();
    let nr = register(nr::NR_REGISTER)?;
    decide(entry, HOOK_OPEN_KPROBE, now, |path| {
        let Some(at) = register(nr::path_register(nr)) else { return false };
        unsafe { bpf_probe_read_user_str(path.cast(), PATH_ROOM as u32, at as *const c_void) > 0 }
    })
}
