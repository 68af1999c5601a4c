//! Capabilities: the few that are kept, and how the others go.

use std::io::{Error, Result};

/// Names by number, linux/capability.h of Linux 5.9 and later (the last one then and in 7.2: 40).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

const CHOWN: u64 = 1 << 0;
const DAC_READ_SEARCH: u64 = 1 << 2;
const NET_ADMIN: u64 = 1 << 12;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const PERFMON: u64 = 1 << 38;
const BPF: u64 = 1 << 39;

/// What is kept, and who needs it:
///
/// - CHOWN: the socket's group, set when the API binds it.
/// - DAC_READ_SEARCH: cgroup directories that were delegated to a user with a mode of his own, and /proc/PID/fd of
///   other users' processes (fs/proc/fd.c).
/// - NET_ADMIN: devices, qdiscs and filters by netlink; to load classifiers and cgroup programs
///   (`is_net_admin_prog_type`, kernel/bpf/syscall.c).
/// - SYS_PTRACE: to read /proc/PID/ns/net and /proc/PID/exe of other processes (ptrace(2), PTRACE_MODE_READ).
/// - SYS_ADMIN: setns(2) into a network namespace, and bpf(2)'s walk over all programs and maps by id.
/// - PERFMON: to load tracing programs and open kprobes (`perfmon_capable`).
/// - BPF: to make maps and load programs.
pub(super) const NEEDED: u64 = CHOWN | DAC_READ_SEARCH | NET_ADMIN | SYS_PTRACE | SYS_ADMIN | PERFMON | BPF;

/// `struct __user_cap_header_struct`, linux/capability.h.
#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct`: one for bits 0 to 31, one for 32 to 63.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`.
const VERSION: u32 = 0x2008_0522;

/// Drops all but [`NEEDED`] from the bounding, ambient, permitted, effective and inheritable sets of this thread.
/// What was not there before does not come. Gives the names of what was permitted and is gone.
pub(super) fn drop_unneeded() -> Result<String> {
    // The bounding set first: that takes SETPCAP, which goes with the rest.
    for number in 0..64 {
        if NEEDED & (1 << number) == 0 && bounded(number)? {
            prctl(libc::PR_CAPBSET_DROP, number)?;
        }
    }
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong)?;
    let mut header = Header { version: VERSION, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: both structures are the kernel's own for this version, and outlive the call.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    let before = u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32;
    let kept = before & NEEDED;
    for (half, bits) in data.iter_mut().zip([kept as u32, (kept >> 32) as u32]) {
        *half = Data { effective: bits, permitted: bits, inheritable: 0 };
    }
    // SAFETY: as above; the kernel only reads.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) })?;
    Ok(names(before & !NEEDED))
}

/// Is the capability in the bounding set? False for one that this kernel does not know (EINVAL).
fn bounded(number: libc::c_ulong) -> Result<bool> {
    match prctl(libc::PR_CAPBSET_READ, number) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        other => other.map(|there| there == 1),
    }
}

fn prctl(option: libc::c_int, argument: libc::c_ulong) -> Result<libc::c_long> {
    let zero: libc::c_ulong = 0;
    // SAFETY: none of the options used here takes a pointer.
    check(libc::c_long::from(unsafe { libc::prctl(option, argument, zero, zero, zero) }))
}

fn check(result: libc::c_long) -> Result<libc::c_long> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

/// The names of a set, for people: `CAP_BPF CAP_PERFMON`, or `none`.
pub(super) fn names(set: u64) -> String {
    let name = |number: usize| match NAMES.get(number) {
        Some(name) => format!("CAP_{name}"),
        None => format!("capability {number}"),
    };
    let all: Vec<String> = (0..64).filter(|number| set & (1 << number) != 0).map(name).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(" ") }
}
