//! The entries of system calls that 32-bit programs make, where these are functions of their own (x86_64:
//! arch/x86/entry/syscalls/syscall_32.tbl).

use std::collections::HashSet;

use syscalls::Sysno;

use super::functions::{COMPAT_PREFIX, function_name};

/// What programs of 32 bits call otherwise, where the names do not tell.
const OTHER: [(&str, &str); 5] = [
    ("mmap", "mmap_pgoff"),
    ("lseek", "llseek"),
    ("newfstatat", "ia32_fstatat64"),
    ("wait4", "waitpid"),
    ("umount2", "oldumount"),
];

/// One call for all calls on sockets; its first argument says which (include/uapi/linux/net.h).
const SOCKETS: &str = "socketcall";
const SOCKET_CALLS: [(u32, &str); 20] = [
    (1, "socket"),
    (2, "bind"),
    (3, "connect"),
    (4, "listen"),
    (5, "accept"),
    (6, "getsockname"),
    (7, "getpeername"),
    (8, "socketpair"),
    (9, "sendto"),
    (10, "recvfrom"),
    (11, "sendto"),
    (12, "recvfrom"),
    (13, "shutdown"),
    (14, "setsockopt"),
    (15, "getsockopt"),
    (16, "sendmsg"),
    (17, "recvmsg"),
    (18, "accept4"),
    (19, "recvmmsg"),
    (20, "sendmmsg"),
];

/// The functions by which 32-bit programs make this call, of those that the kernel has, each with what its first
/// argument must be; 0: anything.
pub(super) fn entries(call: &str, known: &HashSet<String>) -> Vec<(String, u32)> {
    let one = |name: &str| {
        // Where there are both, the table has the first.
        let both = [format!("{COMPAT_PREFIX}compat_sys_{name}"), format!("{COMPAT_PREFIX}sys_{name}")];
        both.into_iter().find(|function| known.contains(function))
    };
    // Not those that are other calls by themselves: getdents and getdents64.
    let forms = ["ia32_", ""].into_iter().flat_map(|before| {
        ["", "64", "16", "_time32", "_time64"].map(|behind| format!("{before}{call}{behind}"))
    });
    let forms = forms.filter(|form| form == call || form.parse::<Sysno>().is_err());
    let other = OTHER.iter().filter(|(known, _)| *known == call).map(|(_, name)| (*name).to_owned());
    let mut names: Vec<String> =
        [function_name(call).to_owned()].into_iter().chain(forms).chain(other).collect();
    names.sort();
    names.dedup();
    let mut found: Vec<(String, u32)> = names.iter().filter_map(|name| Some((one(name)?, 0))).collect();
    if let Some(function) = one(SOCKETS) {
        let of_it = SOCKET_CALLS.iter().filter(|(_, name)| *name == call);
        found.extend(of_it.map(|(first, _)| (function.clone(), *first)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(call: &str) -> Vec<(String, u32)> {
        let names = [
            "sys_fsync",
            "sys_getdents",
            "compat_sys_getdents",
            "sys_getdents64",
            "sys_newstat",
            "compat_sys_newstat",
            "sys_stat",
            "compat_sys_ia32_stat64",
            "sys_mmap_pgoff",
            "compat_sys_ia32_mmap",
            "sys_ia32_truncate64",
            "sys_utimensat_time32",
            "sys_utimensat",
            "sys_chown16",
            "sys_sendto",
            "compat_sys_socketcall",
        ];
        entries(call, &names.iter().map(|name| format!("{COMPAT_PREFIX}{name}")).collect())
    }

    #[test]
    fn the_entries_of_a_call() {
        let named = |call: &str| -> Vec<String> {
            of(call).into_iter().map(|(function, _)| function.replace(COMPAT_PREFIX, "")).collect()
        };
        assert_eq!(named("fsync"), ["sys_fsync"]);
        assert_eq!(named("getdents"), ["compat_sys_getdents"], "getdents64 is another call");
        assert_eq!(named("stat"), ["compat_sys_ia32_stat64", "compat_sys_newstat", "sys_stat"]);
        assert_eq!(named("mmap"), ["compat_sys_ia32_mmap", "sys_mmap_pgoff"]);
        assert_eq!(named("truncate"), ["sys_ia32_truncate64"]);
        assert_eq!(named("utimensat"), ["sys_utimensat", "sys_utimensat_time32"]);
        assert_eq!(named("chown"), ["sys_chown16"]);
        assert!(named("openat2").is_empty());
    }

    #[test]
    fn socketcall_is_many_calls() {
        let all: Vec<u32> = of("sendto").iter().map(|(_, first)| *first).collect();
        assert_eq!(all, [0, 9, 11]);
        assert!(entries("sendto", &HashSet::new()).is_empty());
    }
}
