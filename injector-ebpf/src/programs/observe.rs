//! Packets and bytes of the watched cgroups, counted in the socket: no hash, no eviction.

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{bpf_get_socket_cookie, bpf_jiffies64, bpf_sk_cgroup_id, bpf_sk_fullsock},
    macros::cgroup_skb,
    programs::SkBuffContext,
};
use injector_ebpf::{flow::Flow, rule::CG_WATCH};

use super::{atomic, flows, gate, packet::wire};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const TCP: u32 = 6;
const UDP: u32 = 17;
const TCP_CLOSE: u32 = 7;
const TCP_LISTEN: u32 = 10;

#[cgroup_skb]
pub fn inj_obs_tx(ctx: SkBuffContext) -> i32 {
    let skb = ctx.skb.skb;
    if let Some(flow) = flow(skb) {
        let (wire, bytes) = (wire(skb), u64::from(unsafe { (*skb).len }));
        unsafe {
            atomic::add(&raw mut (*flow).tx_packets, 1);
            atomic::add(&raw mut (*flow).tx_segments, wire);
            atomic::add(&raw mut (*flow).tx_bytes, bytes);
        }
    }
    1
}

#[cgroup_skb]
pub fn inj_obs_rx(ctx: SkBuffContext) -> i32 {
    let skb = ctx.skb.skb;
    if let Some(flow) = flow(skb) {
        let (wire, bytes) = (wire(skb), u64::from(unsafe { (*skb).len }));
        unsafe {
            atomic::add(&raw mut (*flow).rx_packets, 1);
            atomic::add(&raw mut (*flow).rx_segments, wire);
            atomic::add(&raw mut (*flow).rx_bytes, bytes);
        }
    }
    1
}

/// Reads a field of a socket by one load of its own: the verifier knows `sk + constant`, and no other
/// arithmetic, so the compiler must not merge or move these.
macro_rules! read {
    ($sk:expr, $($field:tt)+) => {
        core::ptr::read_volatile(&raw const (*$sk).$($field)+)
    };
}

#[inline(always)]
fn flow(skb: *mut __sk_buff) -> Option<*mut Flow> {
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let sk = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        return None;
    }
    // A listener has no peer; a closed connection was added to its dependency and must not be counted again.
    match unsafe { (read!(sk, protocol), read!(sk, state)) } {
        (TCP, TCP_LISTEN | TCP_CLOSE) => return None,
        (TCP | UDP, _) => {}
        _ => return None,
    }
    let id = unsafe { bpf_sk_cgroup_id(sk.cast()) };
    if gate::cgroup(id)?.flags & CG_WATCH == 0 {
        return None;
    }
    let flow = unsafe { flows::get_or_create(sk.cast()) }?;
    unsafe {
        if (*flow).cookie == 0 {
            (*flow).cookie = bpf_get_socket_cookie(skb.cast());
            (*flow).cgroup = id;
            name(flow, sk);
        }
        (*flow).last = bpf_jiffies64();
    }
    Some(flow)
}

/// Writes addresses and ports; an unconnected UDP socket has no remote ones.
#[inline(always)]
unsafe fn name(flow: *mut Flow, sk: *mut bpf_sock) {
    let mapped = 0xffff_u32.to_be();
    unsafe {
        (*flow).protocol = read!(sk, protocol);
        (*flow).local_port = read!(sk, src_port) as u16;
        (*flow).remote_port = u16::from_be(read!(sk, dst_port));
        // All words first, the choice after: two branches of loads would be merged into one with a variable
        // offset, which the verifier refuses for a socket.
        let v4 = [read!(sk, src_ip4), read!(sk, dst_ip4)];
        let src =
            [read!(sk, src_ip6[0]), read!(sk, src_ip6[1]), read!(sk, src_ip6[2]), read!(sk, src_ip6[3])];
        let dst =
            [read!(sk, dst_ip6[0]), read!(sk, dst_ip6[1]), read!(sk, dst_ip6[2]), read!(sk, dst_ip6[3])];
        match read!(sk, family) {
            AF_INET => {
                (*flow).local = [0, 0, mapped, v4[0]];
                (*flow).remote = [0, 0, mapped, v4[1]];
            }
            AF_INET6 => {
                (*flow).local = src;
                (*flow).remote = dst;
            }
            _ => {}
        }
    }
}
