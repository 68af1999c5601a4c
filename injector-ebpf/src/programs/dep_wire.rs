//! Requests on their way out of a watched cgroup, and answers on their way in.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{bpf_sk_fullsock, bpf_skb_load_bytes},
    macros::cgroup_skb,
    programs::SkBuffContext,
};

use super::{
    dep::{TCP, UDP},
    dep_tcp, dep_udp,
};

#[cgroup_skb]
pub fn inj_dep_tx(ctx: SkBuffContext) -> i32 {
    let _ = wire(ctx.skb.skb, true);
    1
}

#[cgroup_skb]
pub fn inj_dep_rx(ctx: SkBuffContext) -> i32 {
    let _ = wire(ctx.skb.skb, false);
    1
}

/// Reads a field of a socket by one load of its own, as in `observe.rs`.
macro_rules! of {
    ($sk:expr, $($field:tt)+) => {
        unsafe { core::ptr::read_volatile(&raw const (*$sk).$($field)+) }
    };
}
pub(super) use of;

#[inline(always)]
fn wire(skb: *mut __sk_buff, out: bool) -> Option<()> {
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let sk: *mut bpf_sock = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        return None;
    }
    match (of!(sk, protocol), out) {
        (TCP, true) => dep_tcp::sends(skb, sk),
        (TCP, false) => dep_tcp::receives(skb, sk),
        (UDP, true) => dep_udp::sends(skb, sk),
        (UDP, false) => dep_udp::receives(skb, sk),
        _ => None,
    }
}

/// Bytes of the packet, from its IP header on.
#[inline(always)]
pub fn load<T: Copy>(skb: *mut __sk_buff, at: u32) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    let to = value.as_mut_ptr().cast::<c_void>();
    let failed = unsafe { bpf_skb_load_bytes(skb.cast(), at, to, size_of::<T>() as u32) };
    if failed == 0 { Some(unsafe { value.assume_init() }) } else { None }
}

/// Where the transport's header is, 0 if that cannot be told. The kernel's socket says which protocol it is; with
/// headers of IPv6 in between it is not looked for.
#[inline(always)]
pub fn transport(skb: *mut __sk_buff, protocol: u8) -> u32 {
    let Some(first) = load::<u8>(skb, 0) else { return 0 };
    if first >> 4 == 4 {
        return u32::from(first & 15) * 4;
    }
    match load::<u8>(skb, 6) {
        Some(next) if next == protocol => 40,
        _ => 0,
    }
}
