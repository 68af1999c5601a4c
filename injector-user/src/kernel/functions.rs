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

/// `__x64_sys_openat`: the wrapper that takes the user's registers.
pub fn syscall_function(call: &str) -> String {
    let name = OTHER.iter().find(|(known, _)| *known == call).map_or(call, |(_, function)| *function);
    let prefix = if cfg!(target_arch = "aarch64") { "__arm64_sys_" } else { "__x64_sys_" };
    format!("{prefix}{name}")
}
