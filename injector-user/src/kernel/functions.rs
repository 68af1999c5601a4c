//! Which kernel functions a system call and an LSM hook are.

/// Calls whose function has another name: theirs was taken by an older form (arch/x86/entry/syscalls/syscall_64.tbl,
/// include/uapi/asm-generic/unistd.h).
const OTHER: [(&str, &str); 6] = [
    ("stat", "newstat"),
    ("fstat", "newfstat"),
    ("lstat", "newlstat"),
    ("uname", "newuname"),
    ("umount2", "umount"),
    ("sendfile", "sendfile64"),
];

/// What the functions of system calls begin with.
#[cfg(target_arch = "aarch64")]
pub const PREFIX: &str = "__arm64_sys_";
/// What the functions of system calls begin with.
#[cfg(not(target_arch = "aarch64"))]
pub const PREFIX: &str = "__x64_sys_";

/// What the functions of LSM hooks begin with.
pub const HOOK_PREFIX: &str = "bpf_lsm_";

/// `bpf_lsm_file_open`: where the programs of a hook attach.
pub fn hook_function(hook: &str) -> String {
    format!("{HOOK_PREFIX}{hook}")
}

/// `__x64_sys_openat`: the wrapper that takes the user's registers.
pub fn syscall_function(call: &str) -> String {
    let name = OTHER.iter().find(|(known, _)| *known == call).map_or(call, |(_, function)| *function);
    format!("{PREFIX}{name}")
}
