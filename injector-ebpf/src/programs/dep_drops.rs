//! Packets that the kernel drops, with its reason, of the sockets of watched cgroups.

use core::ffi::c_void;

use aya_ebpf::{helpers::bpf_probe_read_kernel, macros::btf_tracepoint, programs::BtfTracePointContext};
use injector_ebpf::{dep::DROPPED, tag::LOST_MARK};

use super::{
    dep::{self, TCP, UDP, missed},
    kernel::{field, offset},
};

/// States in which a socket has no cgroup: it waits for its time to be over, or is a request yet.
const TIME_WAIT: u8 = 6;
const NEW_REQUEST: u8 = 12;

#[btf_tracepoint(function = "kfree_skb")]
pub fn inj_dep_drop(ctx: BtfTracePointContext) -> i32 {
    let skb: *const c_void = ctx.arg(0);
    if field!(skb, OFF_SKB_MARK, u32) == LOST_MARK {
        missed!(injected);
        return 0;
    }
    let reason: u32 = ctx.arg(2);
    let sk = field!(skb, OFF_SKB_SK, *const c_void);
    if !sk.is_null() {
        let _ = dropped(sk, skb, reason);
        return 0;
    }
    // The receiver's, since 6.11; a constant to the verifier, which does not look at what is never reached.
    if unsafe { offset!(DROP_HAS_SOCKET) } != 0 {
        let sk: *const c_void = ctx.arg(3);
        if !sk.is_null() {
            let _ = dropped(sk, skb, reason);
            return 0;
        }
    }
    missed!(unattributed);
    0
}

#[inline(always)]
fn dropped(sk: *const c_void, skb: *const c_void, reason: u32) -> Option<()> {
    if matches!(field!(sk, OFF_SK_STATE, u8), TIME_WAIT | NEW_REQUEST) {
        missed!(unattributed);
        return None;
    }
    let protocol = u32::from(field!(sk, OFF_SK_PROTOCOL, u8));
    if protocol != TCP && protocol != UDP {
        return None;
    }
    let port = match field!(sk, OFF_SK_NUM, u16) {
        0 => given_back(sk),
        port => port,
    };
    let dep = dep::of_socket(sk, port, protocol)?;
    dep::count(dep, DROPPED, reason, packets(skb));
    Some(())
}

/// The port of a socket that has given it back, and is freed now with what waited in it: where packets get it from.
/// `inet_sock` is the beginning of TCP's sockets and of UDP's; a `struct sock` ends before, to the verifier.
#[inline(always)]
fn given_back(sk: *const c_void) -> u16 {
    let at = sk as usize + unsafe { offset!(OFF_TCP_SPORT) };
    u16::from_be(unsafe { bpf_probe_read_kernel(at as *const u16) }.unwrap_or(0))
}

/// How many packets it would have been on the wire.
#[inline(always)]
fn packets(skb: *const c_void) -> u64 {
    let head = field!(skb, OFF_SKB_HEAD, *const u8) as usize;
    let shared = head + field!(skb, OFF_SKB_END, u32) as usize + unsafe { offset!(OFF_GSO_SEGS) };
    let segments = unsafe { bpf_probe_read_kernel(shared as *const u16) }.unwrap_or(1);
    u64::from(segments).max(1)
}
