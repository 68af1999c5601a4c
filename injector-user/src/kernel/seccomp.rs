//! Seccomp filters: what a thread may ask of the kernel, in the kernel's classic BPF (seccomp(2)).

use std::io::{Error, Result};

use libc::{c_ulong, seccomp_data, sock_filter, sock_fprog};

/// The answer that lets a call through.
pub const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// The answer that fails a call.
pub const fn errno(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

/// Where the number of the call is.
pub const NUMBER: usize = core::mem::offset_of!(seccomp_data, nr);

/// Where the lower half of an argument is: both architectures are little-endian.
pub const fn argument(number: usize) -> usize {
    core::mem::offset_of!(seccomp_data, args) + 8 * number
}

/// Looks at what is there.
pub const fn load(offset: usize) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset as u32)
}

/// Compares it (`BPF_JEQ`, `BPF_JGT`, `BPF_JSET`), and passes over so many steps.
pub const fn test(comparison: u32, value: u32, yes: u8, no: u8) -> sock_filter {
    instruction(libc::BPF_JMP | comparison | libc::BPF_K, yes, no, value)
}

/// What becomes of the call.
pub const fn answer(action: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, action)
}

const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Installs a filter for this thread and those that it starts. Needs no_new_privs or CAP_SYS_ADMIN.
///
/// # Errors
/// The kernel refused it: it is wrong, or seccomp is not there.
pub fn install(mut program: Vec<sock_filter>) -> Result<()> {
    let filter =
        sock_fprog { len: u16::try_from(program.len()).map_err(Error::other)?, filter: program.as_mut_ptr() };
    let (mode, none) = (c_ulong::from(libc::SECCOMP_SET_MODE_FILTER), 0 as c_ulong);
    // SAFETY: the program outlives the call; the kernel copies it.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, mode, none, &raw const filter) };
    if result == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}
