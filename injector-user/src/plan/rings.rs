//! Which call each operation of io_uring is (include/uapi/linux/io_uring.h).

use syscalls::Sysno;

/// Operation and call. Those that are no call's have no line.
const OPERATIONS: &[(u8, &str)] = &[
    (1, "readv"),
    (2, "writev"),
    (3, "fsync"),
    (4, "read"),
    (5, "write"),
    (8, "sync_file_range"),
    (9, "sendmsg"),
    (10, "recvmsg"),
    (13, "accept4"),
    (16, "connect"),
    (17, "fallocate"),
    (18, "openat"),
    (19, "close"),
    (21, "statx"),
    (22, "read"),
    (23, "write"),
    (24, "fadvise64"),
    (25, "madvise"),
    (26, "sendto"),
    (27, "recvfrom"),
    (28, "openat2"),
    (29, "epoll_ctl"),
    (30, "splice"),
    (33, "tee"),
    (34, "shutdown"),
    (35, "renameat2"),
    (36, "unlinkat"),
    (37, "mkdirat"),
    (38, "symlinkat"),
    (39, "linkat"),
    (41, "fsetxattr"),
    (42, "setxattr"),
    (43, "fgetxattr"),
    (44, "getxattr"),
    (45, "socket"),
    (47, "sendto"),
    (48, "sendmsg"),
    (49, "read"),
    (50, "waitid"),
    (55, "ftruncate"),
    (56, "bind"),
    (57, "listen"),
    (58, "recvfrom"),
    (59, "epoll_wait"),
    (60, "readv"),
    (61, "writev"),
    (62, "pipe2"),
];

/// All of them, as this architecture has the calls.
pub fn ring_calls() -> impl Iterator<Item = (u8, Sysno)> {
    OPERATIONS.iter().filter_map(|(operation, call)| Some((*operation, call.parse().ok()?)))
}

/// Can io_uring be asked for this call?
pub(super) fn has(call: Sysno) -> bool {
    OPERATIONS.iter().any(|(_, name)| *name == call.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_is_one_call_that_there_is() {
        let mut numbers: Vec<u8> = OPERATIONS.iter().map(|(operation, _)| *operation).collect();
        numbers.dedup();
        assert!(numbers.is_sorted() && numbers.len() == OPERATIONS.len());
        if cfg!(target_arch = "x86_64") {
            assert_eq!(ring_calls().count(), OPERATIONS.len());
        }
        assert!(has(Sysno::fsync) && !has(Sysno::getrandom));
    }
}
