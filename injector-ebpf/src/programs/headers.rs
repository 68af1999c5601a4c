//! Turning a packet round.

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_INGRESS, BPF_F_RECOMPUTE_CSUM, TC_ACT_UNSPEC},
    helpers::generated::{bpf_redirect, bpf_skb_load_bytes, bpf_skb_store_bytes},
};

use super::packet::load;

const ETHERNET: u32 = 14;
/// Ethernet with a VLAN tag that stands in the packet.
const VLAN: u32 = 18;

/// Reads from the start of the packet on, wherever in memory that is: [`load`] reaches what is in one piece only, and
/// of TCP on its way out that is the headers.
#[inline(always)]
pub fn at<T: Copy>(skb: *mut __sk_buff, offset: u32) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    let ret =
        unsafe { bpf_skb_load_bytes(skb.cast(), offset, value.as_mut_ptr().cast(), size_of::<T>() as u32) };
    if ret == 0 { Some(unsafe { value.assume_init() }) } else { None }
}

/// Writes at `offset` from the start of the packet on, what leaves the packet's sum as it was: words in another order, or
/// what is made up for in a checksum.
#[inline(always)]
pub fn store<T: Copy>(skb: *mut __sk_buff, offset: u32, value: &T) -> Option<()> {
    write(skb, offset, value, 0)
}

/// As [`store`], and tells the kernel what becomes of the packet's sum if the interface has made one.
#[inline(always)]
pub fn rewrite<T: Copy>(skb: *mut __sk_buff, offset: u32, value: &T) -> Option<()> {
    write(skb, offset, value, u64::from(BPF_F_RECOMPUTE_CSUM))
}

#[inline(always)]
fn write<T: Copy>(skb: *mut __sk_buff, offset: u32, value: &T, flags: u64) -> Option<()> {
    let from = core::ptr::from_ref(value).cast();
    let ret = unsafe { bpf_skb_store_bytes(skb, offset, from, size_of::<T>() as u32, flags) };
    if ret == 0 { Some(()) } else { None }
}

/// Length of the link layer's header, by where the network's first words are.
#[inline(always)]
pub fn link(skb: *mut __sk_buff) -> Option<u32> {
    let network: [u32; 5] = load(skb, 0)?;
    let is = |offset: u32| match at::<[u32; 5]>(skb, offset) {
        Some(words) => words == network,
        None => false,
    };
    if is(ETHERNET) {
        Some(ETHERNET)
    } else if is(0) {
        Some(0)
    } else if is(VLAN) {
        Some(VLAN)
    } else {
        None
    }
}

/// The interface by which a host talks to itself has this index in every network namespace (include/net/flow.h).
const LOOPBACK: u32 = 1;

/// Sends a packet that was turned round on its way out back in.
///
/// What goes out by the loopback interface comes in by it: there it just goes on, and keeps its route. Redirected it would
/// lose that, and the kernel takes a packet from 127.0.0.1 without a route for one of a forger (net/ipv4/route.c,
/// ip_route_input_slow).
#[inline(always)]
pub fn back_in(skb: *mut __sk_buff) -> i32 {
    let interface = unsafe { (*skb).ifindex };
    if interface == LOOPBACK {
        TC_ACT_UNSPEC
    } else {
        unsafe { bpf_redirect(interface, u64::from(BPF_F_INGRESS)) as i32 }
    }
}

/// Which way a copy of a packet on its way in must take to come in as well: as for [`back_in`].
#[inline(always)]
pub fn side_in(skb: *mut __sk_buff) -> u64 {
    if unsafe { (*skb).ifindex } == LOOPBACK { 0 } else { u64::from(BPF_F_INGRESS) }
}

/// Exchanges the ends: of the link, of the network, of the transport. No checksum changes by it.
#[inline(always)]
pub fn swap(skb: *mut __sk_buff, link: u32, ipv6: bool, transport: u32) -> Option<()> {
    if link >= ETHERNET {
        let [a, b, c, d, e, f]: [u16; 6] = at(skb, 0)?;
        store(skb, 0, &[d, e, f, a, b, c])?;
    }
    if ipv6 {
        let [a, b, c, d, e, f, g, h]: [u32; 8] = load(skb, 8)?;
        store(skb, link + 8, &[e, f, g, h, a, b, c, d])?;
    } else {
        let [a, b]: [u32; 2] = load(skb, 12)?;
        store(skb, link + 12, &[b, a])?;
    }
    let [a, b]: [u16; 2] = load(skb, transport)?;
    store(skb, link + transport, &[b, a])
}

/// A one's complement sum as the internet's checksums have it, before it is inverted (RFC 1071).
#[inline(always)]
pub fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// The sum of words.
#[inline(always)]
pub fn sum<const N: usize>(words: &[u32; N]) -> u64 {
    let mut sum = 0;
    for word in words {
        sum += u64::from(*word);
    }
    sum
}
