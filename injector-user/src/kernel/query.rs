//! Which programs the kernel says are attached: by raw bpf(2), for cgroups and tcx alike.

use anyhow::{Context as _, Result};

// linux/bpf.h
const BPF_PROG_QUERY: libc::c_int = 16;
/// `BPF_CGROUP_INET_INGRESS`.
pub const CGROUP_INGRESS: u32 = 0;
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
