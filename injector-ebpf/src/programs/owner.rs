//! Who will receive a packet that comes in by an interface: tc ingress is before any socket, and `skb->sk` may be the
//! sender's there.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{
        bpf_fib_lookup, bpf_probe_read_kernel, bpf_sk_lookup_udp, bpf_sk_release, bpf_skc_lookup_tcp,
        bpf_skc_to_tcp_sock,
    },
};

use super::{
    kernel::{field, offset, socket_cgroup},
    maps::INJ_LAUNDRY,
    packet::{Packet, TCP, UDP},
};

/// linux/bpf.h
const BPF_F_CURRENT_NETNS: u64 = u64::MAX;
const BPF_FIB_LKUP_RET_NOT_FWDED: i64 = 4;
const BPF_FIB_LKUP_RET_FWD_DISABLED: i64 = 5;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

/// `struct bpf_sock_tuple`: 3 words for IPv4, 9 for IPv6.
type Tuple = [u32; 9];

/// The cgroup of the receiving socket, and its user. 0: there is none, or it is not known yet (the last packet of a
/// handshake).
#[inline(always)]
pub fn receiver(skb: *mut __sk_buff, packet: &Packet) -> (u64, u32) {
    let ports = u32::from(packet.src_port.to_be()) | u32::from(packet.dst_port.to_be()) << 16;
    let (s, d) = (&packet.src, &packet.dst);
    let (mut tuple, size): (Tuple, u32) = if packet.ipv6 {
        ([s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3], ports], 36)
    } else {
        ([s[3], d[3], ports, 0, 0, 0, 0, 0, 0], 12)
    };
    let mut uid = 0;
    let cgroup = match packet.protocol {
        TCP => tcp(skb, &raw mut tuple, size, &raw mut uid),
        UDP => udp(skb, &raw mut tuple, size, &raw mut uid),
        _ => 0,
    };
    (cgroup, uid)
}

/// Two functions, not one: the two lookups give sockets of different types, and merged code would mix them.
#[inline(never)]
fn tcp(skb: *mut __sk_buff, tuple: *mut Tuple, size: u32, uid: *mut u32) -> u64 {
    let sk = if size == 36 {
        unsafe { bpf_skc_lookup_tcp(skb.cast(), tuple.cast(), 36, BPF_F_CURRENT_NETNS, 0) }
    } else {
        unsafe { bpf_skc_lookup_tcp(skb.cast(), tuple.cast(), 12, BPF_F_CURRENT_NETNS, 0) }
    };
    if sk.is_null() {
        return 0;
    }
    let tcp = unsafe { bpf_skc_to_tcp_sock(sk.cast()) };
    let id = if tcp.is_null() {
        0
    } else {
        let whose = field!(tcp, OFF_SK_UID, u32);
        unsafe { *uid = whose };
        socket_cgroup(tcp.cast())
    };
    unsafe { bpf_sk_release(sk.cast()) };
    id
}

#[inline(never)]
fn udp(skb: *mut __sk_buff, tuple: *mut Tuple, size: u32, uid: *mut u32) -> u64 {
    let sk = if size == 36 {
        unsafe { bpf_sk_lookup_udp(skb.cast(), tuple.cast(), 36, BPF_F_CURRENT_NETNS, 0) }
    } else {
        unsafe { bpf_sk_lookup_udp(skb.cast(), tuple.cast(), 12, BPF_F_CURRENT_NETNS, 0) }
    };
    if sk.is_null() {
        return 0;
    }
    // There is no cast to a typed UDP socket: the pointer is read as a number, by way of a map.
    let id = match INJ_LAUNDRY.get_ptr_mut(0) {
        Some(at) => unsafe {
            core::ptr::write_volatile(at, sk as u64);
            let sk = core::ptr::read_volatile(at);
            *uid = word(sk + offset!(OFF_SK_UID) as u64) as u32;
            let cgroup = word(sk + offset!(OFF_SK_CGROUP) as u64);
            let node = word(cgroup + offset!(OFF_CGROUP_KN) as u64);
            word(node + offset!(OFF_KN_ID) as u64)
        },
        None => 0,
    };
    unsafe { bpf_sk_release(sk.cast()) };
    id
}

/// A word of kernel memory; 0 if it cannot be read.
#[inline(always)]
unsafe fn word(at: u64) -> u64 {
    let mut value = 0_u64;
    unsafe { bpf_probe_read_kernel((&raw mut value).cast::<c_void>(), 8, at as *const c_void) };
    value
}

/// Is the packet for this host? The lookups above do not ask: on a router they find its own listeners for packets that
/// it forwards. Where forwarding is off, every packet that is taken is for this host.
#[inline(always)]
pub fn is_local(skb: *mut __sk_buff, packet: &Packet) -> bool {
    // struct bpf_fib_lookup: family, protocol, ports, length; interface; flow; source; destination; the rest is output.
    let mut asked = [0_u32; 16];
    asked[2] = unsafe { (*skb).ingress_ifindex };
    if packet.ipv6 {
        asked[0] = AF_INET6;
        (asked[4], asked[5], asked[6], asked[7]) =
            (packet.src[0], packet.src[1], packet.src[2], packet.src[3]);
        (asked[8], asked[9], asked[10], asked[11]) =
            (packet.dst[0], packet.dst[1], packet.dst[2], packet.dst[3]);
    } else {
        asked[0] = AF_INET;
        asked[4] = packet.src[3];
        asked[8] = packet.dst[3];
    }
    let answer = unsafe { bpf_fib_lookup(skb.cast(), (&raw mut asked).cast(), 64, 0) };
    answer == BPF_FIB_LKUP_RET_NOT_FWDED || answer == BPF_FIB_LKUP_RET_FWD_DISABLED
}
