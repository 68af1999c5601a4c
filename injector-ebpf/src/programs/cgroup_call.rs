//! Calls on sockets fail by the hooks of a cgroup, with `bpf_set_retval`: every kernel has these. They hang on the
//! target's top cgroups and run for the sockets that were made there; the task that calls must be the target's, too.
//!
//! Which of a family's calls it is they do not know, so that a rule here always means the whole family.

use aya_ebpf::{
    macros::{cgroup_sock, cgroup_sock_addr},
    programs::{SockAddrContext, SockContext},
};
use injector_ebpf::rule::HOOK_CGROUP_CALL;

use super::{
    call::{inj_meant, settle, target},
    call_which::inj_who,
    gate,
};

/// The number of a family's first call.
#[cfg(not(bpf_target_arch = "aarch64"))]
mod nr {
    pub const SOCKET: u64 = 41;
    pub const CONNECT: u64 = 42;
    pub const SENDTO: u64 = 44;
    pub const BIND: u64 = 49;
}
#[cfg(bpf_target_arch = "aarch64")]
mod nr {
    pub const SOCKET: u64 = 198;
    pub const BIND: u64 = 200;
    pub const CONNECT: u64 = 203;
    pub const SENDTO: u64 = 206;
}

/// These hooks don't know the call's arguments: a rule that asks for them is never here.
const NO_REGISTERS: u64 = 0;

/// `bpf_set_retval`. With 64 bits: of 32, as aya's binding has them, newer verifiers would see a large number.
#[inline(always)]
fn set_retval(errno: i64) {
    // SAFETY: this is how helpers are called, by their numbers (include/uapi/linux/bpf.h).
    let helper: unsafe extern "C" fn(i64) -> i64 = unsafe { core::mem::transmute(187_usize) };
    unsafe { helper(errno) };
}

/// What the hook returns: 0 fails the call, with the error that was set.
#[inline(always)]
fn verdict(number: u64) -> i32 {
    let errno = i64::from(errno(number).unwrap_or(0));
    // The bounds are for the verifier.
    if errno < 0 && errno >= -4095 {
        set_retval(errno);
        0
    } else {
        1
    }
}

#[inline(always)]
fn errno(number: u64) -> Option<i32> {
    let now = gate::open()?;
    let entry = target()?;
    let mut meant = inj_meant(entry.rules, HOOK_CGROUP_CALL, number);
    if meant >> 16 != 0 {
        meant = inj_who(meant);
    }
    settle(entry, meant, number, NO_REGISTERS, now)
}

#[cgroup_sock_addr(connect4)]
pub fn inj_connect4(_ctx: SockAddrContext) -> i32 {
    verdict(nr::CONNECT)
}

#[cgroup_sock_addr(connect6)]
pub fn inj_connect6(_ctx: SockAddrContext) -> i32 {
    verdict(nr::CONNECT)
}

#[cgroup_sock_addr(bind4)]
pub fn inj_bind4(_ctx: SockAddrContext) -> i32 {
    verdict(nr::BIND)
}

#[cgroup_sock_addr(bind6)]
pub fn inj_bind6(_ctx: SockAddrContext) -> i32 {
    verdict(nr::BIND)
}

#[cgroup_sock_addr(sendmsg4)]
pub fn inj_sendmsg4(_ctx: SockAddrContext) -> i32 {
    verdict(nr::SENDTO)
}

#[cgroup_sock_addr(sendmsg6)]
pub fn inj_sendmsg6(_ctx: SockAddrContext) -> i32 {
    verdict(nr::SENDTO)
}

#[cgroup_sock(sock_create)]
pub fn inj_sock(_ctx: SockContext) -> i32 {
    verdict(nr::SOCKET)
}
