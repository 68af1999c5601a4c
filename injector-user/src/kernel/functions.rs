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

/// What the functions of the calls of 32-bit programs begin with, where these have functions of their own.
pub const COMPAT_PREFIX: &str = "__ia32_";

/// What the functions of LSM hooks begin with, and those that ask all LSMs.
pub const HOOK_PREFIXES: [&str; 2] = ["bpf_lsm_", "security_"];

/// `bpf_lsm_file_open`: where the programs of a hook attach.
pub fn hook_function(hook: &str) -> String {
    format!("{}{hook}", HOOK_PREFIXES[0])
}

/// `security_file_open`: the function that asks all LSMs.
pub fn security_function(hook: &str) -> String {
    format!("{}{hook}", HOOK_PREFIXES[1])
}

/// `__x64_sys_openat`: the wrapper that takes the user's registers.
pub fn syscall_function(call: &str) -> String {
    format!("{PREFIX}{}", function_name(call))
}

/// The same without what it begins with.
pub(super) fn function_name(call: &str) -> &str {
    OTHER.iter().find(|(known, _)| *known == call).map_or(call, |(_, function)| *function)
}
