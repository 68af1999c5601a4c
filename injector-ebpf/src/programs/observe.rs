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

#[inline(always)]
fn flow(skb: *mut __sk_buff) -> Option<*mut Flow> {
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let sk = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() || !matches!(unsafe { (*sk).protocol }, TCP | UDP) || unsafe { (*sk).state } == TCP_LISTEN {
        return None;
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
        (*flow).protocol = (*sk).protocol;
        (*flow).local_port = (*sk).src_port as u16;
        (*flow).remote_port = u16::from_be((*sk).dst_port);
        match (*sk).family {
            AF_INET => {
                (*flow).local = [0, 0, mapped, (*sk).src_ip4];
                (*flow).remote = [0, 0, mapped, (*sk).dst_ip4];
            }
            AF_INET6 => {
                (*flow).local = [(*sk).src_ip6[0], (*sk).src_ip6[1], (*sk).src_ip6[2], (*sk).src_ip6[3]];
                (*flow).remote = [(*sk).dst_ip6[0], (*sk).dst_ip6[1], (*sk).dst_ip6[2], (*sk).dst_ip6[3]];
            }
            _ => {}
        }
    }
}
