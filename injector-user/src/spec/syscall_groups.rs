//! Names for the calls by which programs use one resource: `@disk`, `@network`, `@memory`, `@process`.

/// The name, and the families and calls that it stands for. Left out is what no program can go on without when it
/// fails (close, munmap). Of a disk's calls those that are for sockets and pipes as well (read, write, fstat) count only
/// on what a disk holds: see `SyscallName::is_disk`.
pub(super) const GROUPS: &[(&str, &[&str])] = &[
    (
        "@disk",
        &[
            "open",
            "read",
            "write",
            "fsync",
            "sync_file_range",
            "syncfs",
            "fallocate",
            "truncate",
            "copy_file_range",
            "stat",
            "getdents",
            "mkdir",
            "rmdir",
            "unlink",
            "rename",
            "link",
            "symlink",
        ],
    ),
    (
        "@network",
        &[
            "socket",
            "connect",
            "bind",
            "listen",
            "accept",
            "sendto",
            "recvfrom",
            "shutdown",
            "getsockopt",
            "setsockopt",
        ],
    ),
    ("@memory", &["mmap", "mremap", "mprotect", "brk", "madvise", "mlock", "mlock2", "mlockall"]),
    (
        "@process",
        &["fork", "execve", "wait4", "waitid", "kill", "tgkill", "prlimit64", "setrlimit", "setsid"],
    ),
];
