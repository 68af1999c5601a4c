//! Which kernel function a system call is.

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

/// `__x64_sys_openat`: the wrapper that takes the user's registers.
pub fn syscall_function(call: &str) -> String {
    let name = OTHER.iter().find(|(known, _)| *known == call).map_or(call, |(_, function)| *function);
    format!("{PREFIX}{name}")
}
