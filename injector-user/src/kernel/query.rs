//! Which programs the kernel says are attached: by raw bpf(2), for cgroups and tcx alike.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use anyhow::{Context as _, Result, ensure};

// linux/bpf.h
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_PROG_QUERY: libc::c_int = 16;
/// `BPF_CGROUP_INET_INGRESS`.
pub const CGROUP_INGRESS: u32 = 0;
/// `BPF_CGROUP_INET_EGRESS`.
pub const CGROUP_EGRESS: u32 = 1;
/// `BPF_CGROUP_INET_SOCK_CREATE`.
pub const CGROUP_SOCKET: u32 = 2;
/// `BPF_CGROUP_INET4_BIND` and the same for IPv6.
pub const CGROUP_BIND: [u32; 2] = [8, 9];
/// `BPF_CGROUP_INET4_CONNECT` and the same for IPv6.
pub const CGROUP_CONNECT: [u32; 2] = [10, 11];
/// `BPF_CGROUP_UDP4_SENDMSG` and the same for IPv6.
pub const CGROUP_SENDMSG: [u32; 2] = [14, 15];
/// `BPF_TCX_INGRESS`.
pub const TCX_INGRESS: u32 = 46;
/// `BPF_TCX_EGRESS`.
pub const TCX_EGRESS: u32 = 47;
/// The most programs at one hook that are looked at: the kernel allows 64.
const MOST: usize = 64;

/// `union bpf_attr`, the part for BPF_PROG_QUERY.
#[repr(C)]
struct Query {
    /// A descriptor of a cgroup, or the index of an interface of the caller's namespace.
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    count: u32,
    pad: u32,
    prog_attach_flags: u64,
    link_ids: u64,
    link_attach_flags: u64,
    revision: u64,
}

/// Ids of the programs at one hook.
///
/// # Errors
/// There is no such cgroup or interface, or the kernel has no such hook.
pub fn programs(target: u32, attach_type: u32) -> Result<Vec<u32>> {
    let mut ids = [0_u32; MOST];
    let mut query = Query {
        target,
        attach_type,
        query_flags: 0,
        attach_flags: 0,
        prog_ids: ids.as_mut_ptr() as u64,
        count: MOST as u32,
        pad: 0,
        prog_attach_flags: 0,
        link_ids: 0,
        link_attach_flags: 0,
        revision: 0,
    };
    // SAFETY: the kernel reads and writes `query` within its size, and at most `count` ids.
    let ret = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, &raw mut query, size_of::<Query>()) };
    if ret < 0 {
        return Err(std::io::Error::last_os_error()).context("asking for the programs of a hook");
    }
    Ok(ids.into_iter().take(query.count as usize).collect())
}

/// Where `struct bpf_prog_info` (linux/bpf.h) has the name, 16 bytes with a NUL.
const INFO_NAME: std::ops::Range<usize> = 64..80;

/// The name of a program, of which the kernel keeps 15 characters; empty if it was given none.
///
/// # Errors
/// There is no such program any more.
pub fn program_name(id: u32) -> Result<String> {
    let asked = || format!("looking up program {id}");
    // The parts of `union bpf_attr`: the id; a descriptor, a length and where to write.
    let by_id = [id, 0, 0];
    // SAFETY: the kernel reads `by_id` within its size.
    let fd =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_GET_FD_BY_ID, &raw const by_id, size_of_val(&by_id)) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()).with_context(asked);
    }
    // SAFETY: the kernel just gave us this descriptor.
    let program = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    object_name(program.as_raw_fd(), id).with_context(asked)
}

/// The same of one whose descriptor we hold.
///
/// # Errors
/// The descriptor is none, or now another program's than `id`.
pub fn object_name(fd: RawFd, id: u32) -> Result<String> {
    let mut info = [0_u8; INFO_NAME.end];
    let mut by_fd =
        ObjectInfo { fd: fd.cast_unsigned(), length: INFO_NAME.end as u32, info: info.as_mut_ptr() as u64 };
    // SAFETY: the kernel reads and writes `by_fd` within its size, and at most `length` bytes of `info`. The arrays
    // that the structure may name have no room: it begins as zeros.
    let ret = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &raw mut by_fd, size_of::<ObjectInfo>())
    };
    if ret < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    // After the type: the id.
    ensure!(info[4..8] == id.to_ne_bytes(), "the descriptor is another program's");
    let name = info[INFO_NAME].split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// `union bpf_attr`, the part for BPF_OBJ_GET_INFO_BY_FD.
#[repr(C)]
struct ObjectInfo {
    fd: u32,
    length: u32,
    info: u64,
}
