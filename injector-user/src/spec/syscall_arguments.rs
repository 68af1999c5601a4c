//! What the arguments of system calls are that can be told apart by more than their number (man 2 of each).

/// Where a call's arguments are, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arguments {
    /// Those that are paths of files that the call is about; not what a symbolic link is to hold.
    pub paths: &'static [u32],
}

/// Calls by the place of their paths.
const PATHS: &[(&[u32], &[&str])] = &[
    (
        &[0],
        &[
            "open",
            "creat",
            "stat",
            "lstat",
            "statfs",
            "access",
            "mkdir",
            "mknod",
            "rmdir",
            "unlink",
            "readlink",
            "truncate",
            "chmod",
            "chown",
            "lchown",
            "chdir",
            "chroot",
            "execve",
            "utime",
            "utimes",
            "setxattr",
            "lsetxattr",
            "getxattr",
            "lgetxattr",
            "listxattr",
            "llistxattr",
            "removexattr",
            "lremovexattr",
            "swapon",
            "swapoff",
            "umount2",
            "acct",
        ],
    ),
    (
        &[1],
        &[
            "openat",
            "openat2",
            "newfstatat",
            "statx",
            "faccessat",
            "faccessat2",
            "mkdirat",
            "mknodat",
            "unlinkat",
            "readlinkat",
            "fchmodat",
            "fchmodat2",
            "fchownat",
            "execveat",
            "utimensat",
            "futimesat",
            "inotify_add_watch",
            "name_to_handle_at",
            "symlink",
            "mount",
        ],
    ),
    (&[2], &["symlinkat"]),
    (&[0, 1], &["rename", "link"]),
    (&[1, 3], &["renameat", "renameat2", "linkat"]),
];

/// Of a call by its name.
pub fn arguments(call: &str) -> Arguments {
    let paths = PATHS.iter().find(|(_, calls)| calls.contains(&call)).map_or(&[][..], |(paths, _)| paths);
    Arguments { paths }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syscalls::Sysno;

    #[test]
    fn each_call_is_in_the_table_once_and_is_known_somewhere() {
        let mut all: Vec<&str> = PATHS.iter().flat_map(|(_, calls)| calls.iter()).copied().collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
        // aarch64 has fewer, and none that x86_64 has not.
        if cfg!(target_arch = "x86_64") {
            assert!(all.iter().all(|call| call.parse::<Sysno>().is_ok()), "{all:?}");
        }
        assert_eq!(arguments("renameat2").paths, [1, 3]);
        assert_eq!(arguments("symlinkat").paths, [2], "the first is what the link holds");
        assert!(arguments("fsync").paths.is_empty());
    }
}
