//! Packets at an interface that no flow counts, in counters of their own: with the flows' they are the interface's.
//!
//! A packet is a flow's if its socket has one: the hooks of the cgroup count every packet of such a socket.

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{
        bpf_sk_fullsock, bpf_sk_lookup_tcp, bpf_sk_lookup_udp, bpf_sk_release, bpf_sk_storage_get,
    },
    macros::classifier,
    programs::TcContext,
};
use injector_ebpf::flow::{Flow, REST_IN, REST_NO_FLOW, REST_NO_SOCKET, REST_NOT_OBSERVED, Rest};

use super::{
    gate,
    maps::{INJ_FLOWS, INJ_REST, raw},
    observe::{PACKET_HOST, flow_of},
    owner::{is_local, receiver},
    packet::{Packet, TCP, UDP},
};

/// TC_ACT_UNSPEC: the packet goes on.
const NEXT: i32 = -1;
/// linux/bpf.h
const CURRENT_NETNS: u64 = u64::MAX;
/// Not a reason: a flow counts it.
const COUNTED: u32 = u32::MAX;

#[inline(always)]
fn count(skb: *mut __sk_buff, reason: u32) {
    if let Some(rest) = INJ_REST.get_ptr_mut(reason) {
        let rest: *mut Rest = rest;
        unsafe {
            (*rest).packets += 1;
            (*rest).bytes += u64::from((*skb).len);
        }
    }
}

#[classifier]
pub fn inj_rest_tx(ctx: TcContext) -> i32 {
    let skb = ctx.skb.skb;
    let reason = sent(skb);
    if reason != COUNTED {
        count(skb, reason);
    }
    NEXT
}

#[inline(always)]
fn sent(skb: *mut __sk_buff) -> u32 {
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return REST_NO_SOCKET;
    }
    let sk = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        return REST_NO_SOCKET;
    }
    let flow: *mut Flow =
        unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk.cast(), core::ptr::null_mut(), 0) }.cast();
    if flow.is_null() {
        return REST_NO_FLOW;
    }
    if unsafe { (*flow).generation } == gate::generation() { COUNTED } else { REST_NOT_OBSERVED }
}

#[classifier]
pub fn inj_rest_rx(ctx: TcContext) -> i32 {
    let skb = ctx.skb.skb;
    let reason = received(skb);
    if reason != COUNTED {
        count(skb, REST_IN + reason);
    }
    NEXT
}

#[inline(always)]
fn received(skb: *mut __sk_buff) -> u32 {
    if unsafe { (*skb).pkt_type } != PACKET_HOST {
        return REST_NO_SOCKET;
    }
    let mut packet = Packet::NOTHING;
    if packet.parse(skb).is_err() {
        return REST_NO_SOCKET;
    }
    if !matches!(packet.protocol, TCP | UDP) || !is_local(skb, &packet) {
        return REST_NO_SOCKET;
    }
    let ports = u32::from(packet.src_port.to_be()) | u32::from(packet.dst_port.to_be()) << 16;
    let (s, d) = (&packet.src, &packet.dst);
    let mut tuple = [s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3], ports];
    if !packet.ipv6 {
        (tuple[0], tuple[1], tuple[2]) = (s[3], d[3], ports);
    }
    let at = (&raw mut tuple).cast();
    let sk: *mut bpf_sock = unsafe {
        match (packet.protocol == TCP, packet.ipv6) {
            (true, true) => bpf_sk_lookup_tcp(skb.cast(), at, 36, CURRENT_NETNS, 0),
            (true, false) => bpf_sk_lookup_tcp(skb.cast(), at, 12, CURRENT_NETNS, 0),
            (false, true) => bpf_sk_lookup_udp(skb.cast(), at, 36, CURRENT_NETNS, 0),
            (false, false) => bpf_sk_lookup_udp(skb.cast(), at, 12, CURRENT_NETNS, 0),
        }
    };
    if sk.is_null() {
        return REST_NO_SOCKET;
    }
    let reason = whose(skb, &packet, sk);
    unsafe { bpf_sk_release(sk.cast()) };
    reason
}

#[inline(always)]
fn whose(skb: *mut __sk_buff, packet: &Packet, sk: *mut bpf_sock) -> u32 {
    let flow: *mut Flow =
        unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk.cast(), core::ptr::null_mut(), 0) }.cast();
    if !flow.is_null() && unsafe { (*flow).generation } == gate::generation() {
        return COUNTED;
    }
    // What its first packet makes at the cgroup is made here already.
    if unsafe { flow_of(sk, || receiver(skb, packet).0) }.is_null() { REST_NO_FLOW } else { COUNTED }
}
