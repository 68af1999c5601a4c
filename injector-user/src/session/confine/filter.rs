//! The seccomp filter: what the daemon asks of the kernel after its start leaves these calls out.
//!
//! A list of what is refused, not of what is allowed: the C library, which differs from host to host, chooses
//! calls that nobody here writes down, and a daemon that dies of one of them in a game day helps nobody. Calls
//! that are newer than the list are refused too. The kernel's own work on our behalf (modprobe for a device's
//! module, kernel/umh.c) is done by its own threads and is not filtered.

use std::io::Result;

use libc::{c_long, seccomp_data, sock_filter};

use crate::kernel::seccomp::{self, ALLOW, NUMBER, answer, argument, errno, load, test};

/// The architecture that a call must come in by, linux/audit.h. Another one (`int 0x80`) has other numbers.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// The newest call that was looked at: `removexattrat`, Linux 6.13; the same number on both architectures. What
/// is above it, and the x32 calls of x86_64, get ENOSYS: a library falls back then.
const NEWEST: u32 = 466;

/// Calls that get EPERM.
#[rustfmt::skip]
pub(super) const REFUSED: &[c_long] = &[
    // Other programs and processes. The watcher was started before.
    libc::SYS_execve, libc::SYS_execveat,
    #[cfg(target_arch = "x86_64")] libc::SYS_fork,
    #[cfg(target_arch = "x86_64")] libc::SYS_vfork,
    // Looking into other processes and writing to them. /proc/PID and pidfd_open are enough.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise,
    libc::SYS_kcmp, libc::SYS_pidfd_getfd,
    // Another kernel, other modules, the end of this one.
    libc::SYS_kexec_load, libc::SYS_kexec_file_load, libc::SYS_init_module, libc::SYS_finit_module,
    libc::SYS_delete_module, libc::SYS_reboot,
    // File systems. open_by_handle_at walks past every directory.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_move_mount, libc::SYS_open_tree,
    libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_mount_setattr,
    libc::SYS_chroot, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_quotactl, libc::SYS_quotactl_fd,
    libc::SYS_open_by_handle_at, libc::SYS_fanotify_init, libc::SYS_mknodat,
    #[cfg(target_arch = "x86_64")] libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")] libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")] libc::SYS_sysfs,
    #[cfg(target_arch = "x86_64")] libc::SYS_uselib,
    // Clocks and names of the host.
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_adjtimex, libc::SYS_clock_adjtime,
    libc::SYS_sethostname, libc::SYS_setdomainname,
    // Other users. The daemon stays who it is.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups,
    // Keys, raw hardware, accounting, the kernel's log, odd ways of running.
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_acct, libc::SYS_syslog,
    libc::SYS_personality, libc::SYS_vhangup, libc::SYS_lookup_dcookie, libc::SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")] libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")] libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")] libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")] libc::SYS__sysctl,
    // What exploits of the kernel like, and calls that this filter would not see.
    libc::SYS_userfaultfd, libc::SYS_memfd_secret, libc::SYS_move_pages, libc::SYS_migrate_pages,
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    // Namespaces of our own: only the probe of the start makes one.
    libc::SYS_unshare,
];

/// Installs the filter for this thread and those that it starts. Needs no_new_privs or CAP_SYS_ADMIN.
pub(super) fn install() -> Result<()> {
    seccomp::install(program())
}

/// The program. Every test is followed by its answer: a jump is never long.
fn program() -> Vec<sock_filter> {
    let mut code = vec![
        load(core::mem::offset_of!(seccomp_data, arch)),
        test(libc::BPF_JEQ, ARCHITECTURE, 1, 0),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(NUMBER),
        test(libc::BPF_JGT, NEWEST, 0, 1),
        answer(errno(libc::ENOSYS)),
    ];
    for call in REFUSED {
        code.extend([test(libc::BPF_JEQ, *call as u32, 0, 1), answer(errno(libc::EPERM))]);
    }
    // clone3 has its flags in memory, where a filter cannot look: the C library falls back to clone.
    code.extend([test(libc::BPF_JEQ, libc::SYS_clone3 as u32, 0, 1), answer(errno(libc::ENOSYS))]);
    // A thread, yes; a process, no.
    code.extend([
        test(libc::BPF_JEQ, libc::SYS_clone as u32, 0, 4),
        load(argument(0)),
        test(libc::BPF_JSET, libc::CLONE_THREAD as u32, 0, 1),
        answer(ALLOW),
        answer(errno(libc::EPERM)),
    ]);
    // Into network namespaces, yes; into anything else, no: the type must be said.
    code.extend([
        test(libc::BPF_JEQ, libc::SYS_setns as u32, 0, 4),
        load(argument(1)),
        test(libc::BPF_JEQ, libc::CLONE_NEWNET as u32, 0, 1),
        answer(ALLOW),
        answer(errno(libc::EPERM)),
    ]);
    code.push(answer(ALLOW));
    code
}
