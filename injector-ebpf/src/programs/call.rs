//! System calls fail: at their entry by kprobe and `bpf_override_return`, or by fmod_ret; at a hook inside of them by the
//! BPF LSM. Here is what these have in common, and the two that stand at the entry.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_probe_read_kernel,
        generated::{bpf_get_current_cgroup_id, bpf_override_return, bpf_probe_read_user_str},
    },
    macros::kprobe,
    programs::ProbeContext,
};
use injector_ebpf::rule::{CG_PROTECTED, CgroupEntry, HOOK_CALL, MAX_PATH, MAX_RULES};

use super::{
    atomic,
    gate::{self, CALL_METERS, Slot},
    maps::{INJ_PATH, INJ_RULES, INJ_TASKS, PATH_ROOM},
};

/// Numbers of the calls that open files, and where the path is among their arguments.
#[cfg(not(bpf_target_arch = "aarch64"))]
mod nr {
    const OPEN: u64 = 2;
    const CREAT: u64 = 85;
    /// Offset in `struct pt_regs` of the register that holds the path: rdi or rsi.
    pub const fn path_register(nr: u64) -> usize {
        if matches!(nr, OPEN | CREAT) { 112 } else { 104 }
    }
    /// Offset of `orig_ax`.
    pub const NR_REGISTER: usize = 120;
}
#[cfg(bpf_target_arch = "aarch64")]
mod nr {
    /// Offset in `struct pt_regs` of x1.
    pub const fn path_register(_nr: u64) -> usize {
        8
    }
    /// Offset of x8, which holds the number at the entry of a syscall.
    pub const NR_REGISTER: usize = 64;
}

pub type Path = [u8; PATH_ROOM];

/// The cgroup of the current task, if a rule means it.
#[inline(always)]
pub fn target() -> Option<CgroupEntry> {
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

// Global functions: the verifier looks at each once, by itself, and not once for every way that leads to it.

/// Of a cgroup's rules those that mean the call with this number at `hook`; above them those of these that ask for a
/// path.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_meant(rules: u32, hook: u32, number: u64) -> u32 {
    let mut left = rules & 0xffff;
    let mut found = 0;
    for _ in 0..MAX_RULES {
        if left == 0 {
            break;
        }
        let index = left.trailing_zeros();
        left &= left - 1;
        let Some(rule) = INJ_RULES.get(index) else { return 0 };
        if rule.hook & hook != 0 && rule.means_call(number) {
            found |= (1 | u32::from(rule.path_len != 0) << 16) << (index & 15);
        }
    }
    found
}

/// Is the rule's prefix the path that was read, or a directory above it? Compared by components.
///
/// Word by word over the whole length, with a mask, and without leaving early: a loop whose end depends on the
/// length is turned into one that counts down, whose bound the verifier of 6.1 loses.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_below(index: u32) -> u32 {
    let Some(rule) = INJ_RULES.get(index) else { return 0 };
    let Some(path) = INJ_PATH.get(0) else { return 0 };
    let len = rule.path_len as usize & (MAX_PATH - 1);
    let word = |bytes: *const u8, k: usize| unsafe { bytes.cast::<u64>().add(k).read() };
    let mut difference = 0;
    for k in 0..MAX_PATH / 8 {
        let bytes = len.saturating_sub(8 * k);
        let mask = if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 };
        difference |= (word(rule.path.as_ptr(), k) ^ word(path.as_ptr(), k)) & mask;
    }
    u32::from(difference == 0 && matches!(path[len], 0 | b'/'))
}

/// The first of some rules that asks for no path, or for one that is the one that was read. [`MAX_RULES`]: none.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_first(meant: u32, readable: u32) -> u32 {
    let mut left = meant & 0xffff;
    for _ in 0..MAX_RULES {
        if left == 0 {
            break;
        }
        let index = left.trailing_zeros();
        left &= left - 1;
        if meant >> 16 >> (index & 15) & 1 == 0 || (readable != 0 && inj_below(index) != 0) {
            return index;
        }
    }
    MAX_RULES as u32
}

/// A rule that means a call: counts it, and says whether it fails.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_call_fires(index: u32, now: u64) -> u32 {
    let Some(slot) = Slot::get(index) else { return 0 };
    u32::from(slot.fires(now, 1, 0, 0, &CALL_METERS))
}

/// Chooses the rule for the call with this number, and settles it. `read` fills the path and says whether it could.
#[inline(always)]
pub fn decide(
    entry: CgroupEntry,
    hook: u32,
    number: u64,
    now: u64,
    read: impl FnOnce(*mut Path) -> bool,
) -> Option<i32> {
    let meant = inj_meant(entry.rules, hook, number);
    if meant == 0 {
        return None;
    }
    let mut readable = 0;
    if meant >> 16 != 0 {
        readable = u32::from(read(INJ_PATH.get_ptr_mut(0)?));
        if readable == 0 {
            let first = Slot::get((meant >> 16).trailing_zeros())?;
            unsafe { atomic::add(&raw mut (*first.stats).unreadable, 1) };
        }
    }
    let slot = Slot::get(inj_first(meant, readable))?;
    slot.matched(1, 0);
    if protected(entry) {
        unsafe { atomic::add(&raw mut (*slot.stats).passed_protected, 1) };
        return None;
    }
    if inj_call_fires(slot.index, now) == 0 {
        return None;
    }
    Some(slot.rule.errno)
}

/// At the entry of a call. The wrappers of system calls take the user's registers as their only argument.
#[inline(always)]
pub fn entry(regs: *const u8) -> Option<i32> {
    let now = gate::open()?;
    let entry = target()?;
    let register = |offset: usize| unsafe { bpf_probe_read_kernel(regs.add(offset).cast::<u64>()) }.ok();
    let number = register(nr::NR_REGISTER)?;
    decide(entry, HOOK_CALL, number, now, |path| {
        let Some(at) = register(nr::path_register(number)) else { return false };
        unsafe { bpf_probe_read_user_str(path.cast(), PATH_ROOM as u32, at as *const c_void) > 0 }
    })
}

#[kprobe]
pub fn inj_call_kp(ctx: ProbeContext) -> u32 {
    if let Some(errno) = ctx.arg::<*const u8>(0).and_then(entry) {
        unsafe { bpf_override_return(ctx.regs.cast(), i64::from(errno) as u64) };
    }
    0
}

/// An fmod_ret program: what it returns the call returns, without having begun; 0 lets it happen. It is no fexit
/// program, as its section says: aya knows none of this type, and these have the same arguments. All 64 bits
/// count: of 32 a program would see a large number instead of an error.
///
/// # Safety
/// The context is the kernel's: the call's argument, and what the program before this one has returned.
#[unsafe(no_mangle)]
#[unsafe(link_section = "fexit/inj_call_ret")]
pub unsafe extern "C" fn inj_call_ret(ctx: *mut c_void) -> i64 {
    let words = ctx.cast::<u64>();
    let before = unsafe { *words.add(1) } as i64;
    if before != 0 {
        return before;
    }
    match entry(unsafe { *words } as *const u8) {
        Some(errno) => i64::from(errno),
        None => 0,
    }
}
