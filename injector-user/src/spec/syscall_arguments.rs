//! What the arguments of system calls are that can be told apart by more than their number (man 2 of each).

/// Where a call's arguments are, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arguments {
    /// Those that are paths of files that the call is about; not what a symbolic link is to hold.
    pub paths: &'static [u32],
    /// The descriptor that the call is about; not the directory that a path begins at.
    pub fd: Option<u32>,
    /// What it can be of: not of a socket.
    pub never_socket: bool,
    /// The address of a `struct sockaddr`: whom the call is for.
    pub address: Option<u32>,
    /// The address of a `struct msghdr`, or the first of several, which may name whom it is for.
    pub message: Option<u32>,
}

/// Calls by the place of their paths.
const PATHS: &[(&[u32], &str)] = &[
    (
        &[0],
        "open creat stat lstat statfs access mkdir mknod rmdir unlink readlink truncate chmod chown lchown chdir chroot \
         execve utime utimes setxattr lsetxattr getxattr lgetxattr listxattr llistxattr removexattr lremovexattr swapon \
         swapoff umount2 acct",
    ),
    (
        &[1],
        "openat openat2 newfstatat statx faccessat faccessat2 mkdirat mknodat unlinkat readlinkat fchmodat fchmodat2 \
         fchownat execveat utimensat futimesat inotify_add_watch name_to_handle_at symlink mount",
    ),
    (&[2], "symlinkat"),
    (&[0, 1], "rename link"),
    (&[1, 3], "renameat renameat2 linkat"),
];

/// Calls whose first argument is a descriptor that may be a socket's.
const ANY: &str = "read pread64 readv preadv preadv2 write pwrite64 writev pwritev pwritev2 fstat dup dup2 dup3 ioctl \
                   fcntl close sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg connect bind listen accept accept4 \
                   shutdown getsockname getpeername getsockopt setsockopt fchmod fchown";
/// And those whose first argument is never one.
const FILES: &str = "fsync fdatasync sync_file_range syncfs ftruncate fallocate fadvise64 readahead lseek flock fchdir \
                     fstatfs getdents getdents64 fsetxattr fgetxattr flistxattr fremovexattr inotify_add_watch \
                     inotify_rm_watch epoll_ctl epoll_wait epoll_pwait epoll_pwait2 timerfd_settime timerfd_gettime \
                     io_uring_enter setns finit_module";
/// Whose second argument is the address of a socket's end, the fifth of what is sent, or the second a message.
const ADDRESSES: &[(u32, &str)] = &[(1, "connect bind"), (4, "sendto")];
const MESSAGES: &str = "sendmsg sendmmsg";

fn is_in(calls: &str, call: &str) -> bool {
    calls.split_whitespace().any(|known| known == call)
}

/// Of a call by its name.
pub fn arguments(call: &str) -> Arguments {
    let never_socket = is_in(FILES, call);
    Arguments {
        paths: PATHS.iter().find(|(_, calls)| is_in(calls, call)).map_or(&[][..], |(paths, _)| paths),
        fd: match call {
            "mmap" => Some(4),
            _ => (never_socket || is_in(ANY, call)).then_some(0),
        },
        never_socket: never_socket || call == "mmap",
        address: ADDRESSES.iter().find(|(_, calls)| is_in(calls, call)).map(|(place, _)| *place),
        message: is_in(MESSAGES, call).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syscalls::Sysno;

    #[test]
    fn each_call_is_in_a_table_once_and_is_known_somewhere() {
        let of = |tables: &[&'static str]| -> Vec<&str> {
            let mut all: Vec<&str> = tables.iter().flat_map(|calls| calls.split_whitespace()).collect();
            all.sort_unstable();
            let before = all.len();
            all.dedup();
            assert_eq!(all.len(), before);
            all
        };
        let paths = of(&PATHS.iter().map(|(_, calls)| *calls).collect::<Vec<_>>());
        let descriptors = of(&[ANY, FILES]);
        // aarch64 has fewer, and none that x86_64 has not.
        if cfg!(target_arch = "x86_64") {
            let mut all = paths.iter().chain(&descriptors);
            assert!(all.all(|call| call.parse::<Sysno>().is_ok()), "{paths:?} {descriptors:?}");
        }
    }

    #[test]
    fn where_they_are() {
        assert_eq!(arguments("renameat2").paths, [1, 3]);
        assert_eq!(arguments("symlinkat").paths, [2], "the first is what the link holds");
        assert!(arguments("fsync").paths.is_empty());
        assert_eq!((arguments("fsync").fd, arguments("fsync").never_socket), (Some(0), true));
        assert_eq!(
            (arguments("openat").fd, arguments("mmap").fd),
            (None, Some(4)),
            "a directory is not what it is about"
        );
        assert_eq!((arguments("sendto").address, arguments("sendmsg").message), (Some(4), Some(1)));
        assert_eq!((arguments("connect").address, arguments("recvfrom").address), (Some(1), None));
    }
}
