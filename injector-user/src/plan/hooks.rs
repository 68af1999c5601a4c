//! Which LSM hooks the system calls pass, and at which hooks of a cgroup. A call is here only if it asks its hook once,
//! so that it is drawn once, or if it is said how often (`note`); verified on every kernel of the matrix by
//! `tests/faults/calls`.

use std::collections::BTreeSet;

use syscalls::Sysno;

/// An LSM hook. Its place in [`LSM`] is its bit in `Rule::hooks`.
#[derive(Debug)]
pub(super) struct Hook {
    /// As the kernel names it: `bpf_lsm_NAME`.
    pub name: &'static str,
    /// The calls that fail by it.
    pub calls: &'static [&'static str],
    /// What a person should know of it; may be empty.
    pub note: &'static str,
}

const fn hook(name: &'static str, calls: &'static [&'static str], note: &'static str) -> Hook {
    Hook { name, calls, note }
}

/// The hook that all opens pass: it has a program of its own, which knows the path.
pub(super) const OPEN: &str = "file_open";

/// See the module. At most 64.
pub(super) const LSM: &[Hook] = &[
    hook(OPEN, &["open", "openat", "openat2", "creat"], ""),
    hook(
        "file_permission",
        &[
            "read",
            "pread64",
            "readv",
            "preadv",
            "preadv2",
            "write",
            "pwrite64",
            "writev",
            "pwritev",
            "pwritev2",
            "getdents",
            "getdents64",
            "fallocate",
        ],
        "",
    ),
    hook("file_ioctl", &["ioctl"], ""),
    hook("file_fcntl", &["fcntl"], ""),
    hook("file_lock", &["flock"], ""),
    hook("mmap_file", &["mmap"], ""),
    hook(
        "file_mprotect",
        &["mprotect", "pkey_mprotect"],
        "asked once for each mapping that the call reaches: those before keep their new protection",
    ),
    hook("inode_getattr", &["stat", "fstat", "lstat", "newfstatat", "statx"], ""),
    hook(
        "inode_setattr",
        &[
            "chmod",
            "fchmod",
            "fchmodat",
            "fchmodat2",
            "chown",
            "fchown",
            "lchown",
            "fchownat",
            "utime",
            "utimes",
            "utimensat",
            "futimesat",
            "truncate",
            "ftruncate",
        ],
        "",
    ),
    hook("inode_mkdir", &["mkdir", "mkdirat"], ""),
    hook("inode_rmdir", &["rmdir", "unlinkat"], ""),
    hook("inode_unlink", &["unlink", "unlinkat"], ""),
    hook("inode_rename", &["rename", "renameat", "renameat2"], "an exchange of two names asks it twice"),
    hook("inode_link", &["link", "linkat"], ""),
    hook("inode_symlink", &["symlink", "symlinkat"], ""),
    hook("inode_mknod", &["mknod", "mknodat"], ""),
    // mknod of a plain file is a creation.
    hook("inode_create", &["mknod", "mknodat"], ""),
    hook("inode_readlink", &["readlink", "readlinkat"], ""),
    hook("inode_getxattr", &["getxattr", "lgetxattr", "fgetxattr"], ""),
    hook("inode_setxattr", &["setxattr", "lsetxattr", "fsetxattr"], ""),
    hook("inode_listxattr", &["listxattr", "llistxattr", "flistxattr"], ""),
    hook("inode_removexattr", &["removexattr", "lremovexattr", "fremovexattr"], ""),
    hook("sb_statfs", &["statfs", "fstatfs"], ""),
    hook("sb_mount", &["mount"], ""),
    hook("socket_create", &["socket"], ""),
    hook("socket_socketpair", &["socketpair"], ""),
    hook("socket_bind", &["bind"], ""),
    hook("socket_connect", &["connect"], ""),
    hook("socket_listen", &["listen"], ""),
    hook("socket_accept", &["accept", "accept4"], "the connection stays in the queue"),
    hook(
        "socket_sendmsg",
        &["sendto", "sendmsg", "sendmmsg"],
        "sendmmsg asks it for each message, but for one to the same address as the one before",
    ),
    hook("socket_recvmsg", &["recvfrom", "recvmsg", "recvmmsg"], "recvmmsg asks it for its first message"),
    hook("socket_getsockname", &["getsockname"], ""),
    hook("socket_getpeername", &["getpeername"], ""),
    hook("socket_getsockopt", &["getsockopt"], ""),
    hook("socket_setsockopt", &["setsockopt"], ""),
    hook("socket_shutdown", &["shutdown"], ""),
    hook("bprm_creds_for_exec", &["execve", "execveat"], ""),
    hook("task_alloc", &["fork", "vfork", "clone", "clone3"], ""),
    hook(
        "task_kill",
        &["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"],
        "asked once for each process that is to get the signal",
    ),
    hook("task_setrlimit", &["setrlimit", "prlimit64"], "only what sets a limit, not what reads one"),
    hook("task_prctl", &["prctl"], ""),
    hook("task_setpgid", &["setpgid"], ""),
];

/// Why a call that passes a hook is not in the table.
const NOT: [(&[&str], &str); 3] = [
    (
        &["sendfile", "copy_file_range", "splice"],
        "its LSM hook, file_permission, is asked once for each of two files: it would be drawn twice",
    ),
    (
        &["access", "faccessat", "faccessat2", "chdir"],
        "its LSM hook, inode_permission, is asked for every directory on the way",
    ),
    (
        &["ptrace", "process_vm_readv", "process_vm_writev"],
        "of its LSM hook, ptrace_access_check, the kernel takes no error over: it is always EPERM",
    ),
];

/// The hooks that a call passes, with their bits.
pub(super) fn of(call: Sysno) -> impl Iterator<Item = (usize, &'static Hook)> {
    LSM.iter().enumerate().filter(move |(_, hook)| hook.calls.contains(&call.name()))
}

/// The hooks by which these calls fail; `missing` are those that this kernel has not.
///
/// # Errors
/// Why not, in words.
pub(super) fn all(
    calls: &[Sysno],
    missing: &BTreeSet<&'static str>,
) -> Result<Vec<(usize, &'static Hook)>, String> {
    let mut found = Vec::new();
    for call in calls {
        let before = found.len();
        for (bit, hook) in of(*call) {
            if missing.contains(hook.name) {
                return Err(format!("this kernel has no hook {}", hook.name));
            }
            found.push((bit, hook));
        }
        if found.len() == before {
            let known = NOT.iter().find(|(calls, _)| calls.contains(&call.name()));
            return Err(known.map_or_else(
                || format!("{call} passes no LSM hook that could fail it"),
                |(_, why)| format!("{call}: {why}"),
            ));
        }
    }
    found.sort_unstable_by_key(|(bit, _)| *bit);
    found.dedup_by_key(|(bit, _)| *bit);
    Ok(found)
}

/// The index of an LSM hook: what its program is told, at the hook itself or at its `security_` function.
pub fn index(name: &str) -> Option<u64> {
    LSM.iter().position(|hook| hook.name == name).and_then(|at| u64::try_from(at).ok())
}

/// All LSM hooks that are used.
pub fn lsm_hooks() -> impl Iterator<Item = &'static str> {
    LSM.iter().map(|hook| hook.name)
}

/// The families that fail by hooks of a cgroup, and what those hooks leave out.
pub(super) const CGROUP: [(&str, &str); 4] = [
    ("socket", "IPv4 and IPv6 only, no Unix sockets"),
    ("connect", "IPv4 and IPv6 only, no Unix sockets"),
    ("bind", "IPv4 and IPv6 only, no Unix sockets"),
    ("sendto", "UDP to an address that the call gives: neither connected sockets nor TCP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_has_a_bit_and_calls_that_there_are() {
        assert!(LSM.len() <= 64);
        for hook in LSM {
            assert!(!hook.calls.is_empty(), "{hook:?}");
            if cfg!(target_arch = "x86_64") {
                for call in hook.calls {
                    assert!(call.parse::<Sysno>().is_ok(), "{call} of {}", hook.name);
                }
            }
            assert_eq!(LSM.iter().filter(|other| other.name == hook.name).count(), 1, "{}", hook.name);
        }
    }

    #[test]
    fn what_passes_no_hook_says_why() {
        let none = BTreeSet::new();
        let why = |call: Sysno| all(&[call], &none).unwrap_err();
        assert!(why(Sysno::fsync).contains("no LSM hook"), "{}", why(Sysno::fsync));
        assert!(why(Sysno::sendfile).contains("twice"));
        let both = all(&[Sysno::unlinkat], &none).unwrap();
        assert_eq!(
            both.iter().map(|(_, hook)| hook.name).collect::<Vec<_>>(),
            ["inode_rmdir", "inode_unlink"]
        );
        assert!(all(&[Sysno::unlinkat], &["inode_rmdir"].into()).unwrap_err().contains("inode_rmdir"));
        assert_eq!(all(&[Sysno::read, Sysno::pread64], &none).unwrap().len(), 1, "one hook is attached once");
    }
}
