//! System calls fail: at their entry by kprobe and `bpf_override_return`, or by fmod_ret; at a hook inside of them by the
//! BPF LSM. Here is what these have in common, and the two that stand at the entry.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_probe_read_kernel,
        generated::{bpf_get_current_cgroup_id, bpf_override_return},
    },
    macros::kprobe,
    programs::ProbeContext,
};
use injector_ebpf::rule::{CG_PROTECTED, CgroupEntry, HOOK_CALL};

use super::{
    atomic,
    call_which::{inj_narrow, read, those},
    closes::inj_on_descriptor,
    events::{self, inj_tell},
    gate::{self, CALL_METERS, Slot},
    livelock::{inj_called, inj_failed},
    maps::INJ_TASKS,
};

/// Offset in `struct pt_regs` of `orig_ax`, or of x8, which holds the number at the entry of a syscall.
const NR_REGISTER: u64 = if cfg!(bpf_target_arch = "aarch64") { 64 } else { 120 };

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

/// Of a cgroup's rules those that mean the call with this number at `hook`; above them those of these that ask for more.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_meant(rules: u32, hook: u32, number: u64) -> u32 {
    let mut more = 0;
    let found = those(rules, |index, rule| {
        let meant = rule.hook & hook != 0 && rule.means_call(number);
        if meant && rule.call.asks != 0 {
            more |= 1 << (index & 15);
        }
        meant
    });
    found | more << 16
}

/// A rule that means a call: counts it, and says whether it fails. 0 if not; else above the lower half, which is what
/// the call returns.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_call_fires(index: u32, now: u64) -> u64 {
    let Some(slot) = Slot::get(index) else { return 0 };
    match slot.fires(now, 1, 0, 0, &CALL_METERS) {
        0 => 0,
        taken => 1 << 32 | u64::from(slot.rule.outcome(taken as u32) as u32),
    }
}

/// Settles the call with the first of the rules that mean it. `registers`: the address of the user's.
#[inline(always)]
pub fn settle(entry: CgroupEntry, meant: u32, number: u64, registers: u64, now: u64) -> Option<i32> {
    if meant & 0xffff == 0 {
        return None;
    }
    let slot = Slot::get(meant.trailing_zeros())?;
    slot.matched(1, 0);
    if protected(entry) {
        unsafe { atomic::add(&raw mut (*slot.stats).passed_protected, 1) };
        return None;
    }
    if inj_called(slot.index, number) != 0 {
        return None;
    }
    let returned = match inj_call_fires(slot.index, now) {
        0 => return None,
        returned => returned as i32,
    };
    inj_failed(slot.index, number);
    inj_on_descriptor(slot.index, number, registers);
    inj_tell(events::what(slot.index, number, returned), registers, now);
    Some(returned)
}

/// At the entry of a call. The wrappers of system calls take the address of the user's registers as their only argument.
#[inline(always)]
pub fn entry(registers: u64) -> Option<i32> {
    let now = gate::open()?;
    let entry = target()?;
    // No call has a number that can't be read: 0 would be `read`.
    let number =
        unsafe { bpf_probe_read_kernel((registers + NR_REGISTER) as *const u64) }.unwrap_or(u64::MAX);
    let mut meant = inj_meant(entry.rules, HOOK_CALL, number);
    if meant >> 16 != 0 {
        meant = inj_narrow(meant, number, registers, 1);
    }
    settle(entry, meant, number, registers, now)
}

#[kprobe]
pub fn inj_call_kp(ctx: ProbeContext) -> u32 {
    if let Some(errno) = ctx.arg::<u64>(0).and_then(entry) {
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
    // Read as memory it is a number, and not a pointer whose fields the verifier knows.
    match entry(read(words as u64)) {
        Some(errno) => i64::from(errno),
        None => 0,
    }
}
