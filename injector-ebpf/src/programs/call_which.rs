//! Which calls a rule means: who calls, and with what. What a call refers to is read by others.
//!
//! The functions here take and give sets of rules as `inj_meant` makes them: the lower half are rules that mean the
//! call, and the upper half those of these that ask for more than its number. They are global functions: see call.rs.

use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_uid_gid, bpf_probe_read_kernel, generated::bpf_get_current_task,
};
use injector_ebpf::{
    call_means::{
        ARGUMENTS, CALL_ARGUMENT, CALL_COMM, CALL_FD_DISK, CALL_FD_PATH, CALL_FD_TYPE, CALL_PATH, CALL_PEER,
        CALL_PROCESS, CALL_UID, COMM,
    },
    rule::{MAX_RULES, Rule},
};

use super::{
    call_fd::inj_descriptor, call_path::inj_typed, call_peer::inj_with_peer, kernel::offset, maps::INJ_RULES,
};

/// Offsets in `struct pt_regs` of the registers with a system call's arguments: rdi, rsi, rdx, r10, r8, r9.
#[cfg(not(bpf_target_arch = "aarch64"))]
const REGISTERS: [u64; ARGUMENTS] = [112, 104, 96, 56, 72, 64];
/// Offsets in `struct pt_regs` of x0 to x5. Of x0, `orig_x0` would be the same at the entry.
#[cfg(bpf_target_arch = "aarch64")]
const REGISTERS: [u64; ARGUMENTS] = [0, 8, 16, 24, 32, 40];

/// What an address in the kernel holds; 0 if it can't be read.
#[inline(always)]
pub fn read<T: Default>(address: u64) -> T {
    unsafe { bpf_probe_read_kernel(address as *const T) }.unwrap_or_default()
}

/// Those of these rules of which `is_one` holds; they are asked one after the other.
#[inline(always)]
pub fn those(rules: u32, mut is_one: impl FnMut(u32, &Rule) -> bool) -> u32 {
    let mut left = rules & 0xffff;
    let mut found = 0;
    for _ in 0..MAX_RULES {
        if left == 0 {
            break;
        }
        let index = left.trailing_zeros();
        left &= left - 1;
        let Some(rule) = INJ_RULES.get(index) else { return 0 };
        if is_one(index, rule) {
            found |= 1 << (index & 15);
        }
    }
    found
}

/// Of the rules of the upper half `stays` says which stay; those of the lower half alone do.
#[inline(always)]
pub fn keep(meant: u32, stays: impl FnMut(u32, &Rule) -> bool) -> u32 {
    let asked = meant >> 16;
    let gone = asked & !those(asked, stays);
    meant & !(gone | gone << 16)
}

/// What all these rules together ask for.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_asks(meant: u32) -> u32 {
    let mut asks = 0;
    keep(meant, |_, rule| {
        asks |= rule.call.asks;
        true
    });
    asks
}

/// Those that mean the task that calls.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_who(meant: u32) -> u32 {
    let uid = bpf_get_current_uid_gid() as u32;
    let Ok(comm) = bpf_get_current_comm() else { return 0 };
    let task = unsafe { bpf_get_current_task() };
    let leader = read::<u64>(task + unsafe { offset!(OFF_GROUP_LEADER) } as u64);
    let process = read::<[u8; COMM]>(leader + unsafe { offset!(OFF_COMM) } as u64);
    let (comm, process) = (words(&comm), words(&process));
    let uid = u64::from(uid) << 32;
    keep(meant, |index, _| {
        inj_is_caller(uid | u64::from(index), comm[0], comm[1], process[0], process[1]) != 0
    })
}

/// Does the rule mean this user (upper half; the rule's slot is in the lower one), thread and process?
///
/// What a global function returns is any number to the verifier: it does not follow each way through one rule's questions
/// through all rules that come behind it.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_is_caller(uid_index: u64, comm: u64, more: u64, process: u64, rest: u64) -> u32 {
    let Some(rule) = INJ_RULES.get(uid_index as u32) else { return 0 };
    let means = &rule.call;
    let same = |name: &[u8; COMM], one: u64, other: u64| {
        let name = words(name);
        (name[0] ^ one) | (name[1] ^ other) == 0
    };
    u32::from(
        (means.asks & CALL_UID == 0 || means.uid == (uid_index >> 32) as u32)
            && (means.asks & CALL_COMM == 0 || same(&means.comm, comm, more))
            && (means.asks & CALL_PROCESS == 0 || same(&means.process, process, rest)),
    )
}

/// Byte by byte would be 16 branches.
#[inline(always)]
fn words(name: &[u8; COMM]) -> [u64; 2] {
    let word = |k: usize| unsafe { name.as_ptr().cast::<u64>().add(k).read_unaligned() };
    [word(0), word(1)]
}

/// Those for which this argument is as asked.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_argument(meant: u32, argument: u32, value: u64) -> u32 {
    keep(meant, |index, _| inj_compares(index, argument, value) != 0)
}

/// Is it as this rule asks? For the same reason as [`inj_is_caller`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_compares(index: u32, argument: u32, value: u64) -> u32 {
    let Some(rule) = INJ_RULES.get(index) else { return 0 };
    u32::from(rule.call.comparisons.iter().all(|one| one.argument != argument || one.holds(value)))
}

/// An argument of a call, by the address of the user's registers.
#[inline(always)]
pub fn argument(registers: u64, index: usize) -> u64 {
    read(registers + REGISTERS[index])
}

/// Those for which caller and arguments are as asked, and, at the entry of a call (`typed` is not 0), also what the
/// arguments refer to.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_narrow(meant: u32, number: u64, registers: u64, typed: u32) -> u32 {
    let asks = inj_asks(meant);
    let mut left = meant;
    if asks & (CALL_UID | CALL_COMM | CALL_PROCESS) != 0 {
        left = inj_who(left);
    }
    for index in 0..ARGUMENTS {
        if asks & CALL_ARGUMENT << index != 0 {
            left = inj_argument(left, index as u32, argument(registers, index));
        }
    }
    if typed != 0 && asks & CALL_PATH != 0 {
        left = inj_typed(left, number, registers);
    }
    if typed != 0 && asks & (CALL_FD_PATH | CALL_FD_TYPE | CALL_FD_DISK) != 0 {
        left = inj_descriptor(left, number, registers);
    }
    if typed != 0 && asks & CALL_PEER != 0 {
        left = inj_with_peer(left, number, registers);
    }
    left
}
