//! RSTs in the other end's name: both ends of a connection are told that the other one has reset it, and who asks for a
//! connection is told that nobody listens.
//!
//! The packet that was selected becomes the RST: its numbers are in both windows. One copy of it goes to the peer, one
//! to the target.

use aya_ebpf::{
    bindings::{__sk_buff, TC_ACT_UNSPEC},
    helpers::generated::{bpf_clone_redirect, bpf_redirect, bpf_skb_change_tail},
    macros::classifier,
    programs::TcContext,
};
use injector_ebpf::tag::{TAG_INGRESS, TAG_NO_DEVICE};

use super::{
    headers::{back_in, fold, link, rewrite, store, sum, swap},
    packet::{FLAG_ACK, FLAG_RST, FLAG_SYN, TCP, load},
    work::{CB_SLOT, CB_TRANSPORT, CB_WAY, WAY_IPV6, WAY_OUT, failed},
};

/// A TCP header without options, in bytes.
const HEADER: u32 = 20;

#[classifier]
pub fn inj_forge(ctx: TcContext) -> i32 {
    let skb = ctx.skb.skb;
    let slot = unsafe { (*skb).cb[CB_SLOT] };
    match forge(skb) {
        Some(answer) => answer,
        None => {
            failed(slot);
            TC_ACT_UNSPEC
        }
    }
}

#[inline(always)]
fn forge(skb: *mut __sk_buff) -> Option<i32> {
    let (transport, way) = unsafe { ((*skb).cb[CB_TRANSPORT], (*skb).cb[CB_WAY]) };
    if transport < 20 || transport > 200 {
        return None;
    }
    let (out, ipv6) = (way & WAY_OUT != 0, way & WAY_IPV6 != 0);
    let link = link(skb)?;
    let tcp: [u32; 5] = load(skb, transport)?;
    let flags = (u32::from_be(tcp[3]) >> 16) as u8;
    if flags & FLAG_RST != 0 {
        return Some(TC_ACT_UNSPEC);
    }
    let ends = ends(skb, ipv6)?;
    // With offloading the field holds the sum of the pseudo header until the device makes the checksum of it.
    let length = unsafe { (*skb).len }.wrapping_sub(link).wrapping_sub(transport);
    let offloaded = fold(ends + pseudo(length)) == (tcp[4] & 0xffff) as u16;
    if unsafe { bpf_skb_change_tail(skb, link + transport + HEADER, 0) } != 0 {
        return None;
    }
    shorten(skb, link, ipv6, transport)?;

    let first = flags & (FLAG_SYN | FLAG_ACK) == FLAG_SYN;
    let (to_peer, to_target) = if first {
        // Whoever sent it knows no sequence number of the other side yet.
        let ack = u32::from_be(tcp[1]).wrapping_add(1).to_be();
        ((0, ack), (0, ack))
    } else {
        ((tcp[1], tcp[2]), (tcp[2], tcp[1]))
    };
    let word = 5 << 28 | u32::from(FLAG_RST | FLAG_ACK) << 16;
    let mut header = [tcp[0], to_peer.0, to_peer.1, word.to_be(), 0];
    let total = ends + pseudo(HEADER);
    let check = if offloaded { fold(total) } else { !fold(total + sum(&header)) };
    header[4] = u32::from(check);
    // Both copies have the same sum: they differ in the order of their words only.
    if !out {
        // What comes in has the peer's numbers.
        header[1] = to_target.0;
        header[2] = to_target.1;
    }
    rewrite(skb, link + transport, &header)?;
    answer(skb, link, ipv6, transport, out, first, [to_target, to_peer])
}

/// Sends what there is to be sent; the packet has its direction still.
#[inline(always)]
fn answer(
    skb: *mut __sk_buff,
    link: u32,
    ipv6: bool,
    transport: u32,
    out: bool,
    first: bool,
    [to_target, to_peer]: [(u32, u32); 2],
) -> Option<i32> {
    let interface = unsafe { (*skb).ifindex };
    // The copies are ours: nobody is asked about them again.
    unsafe { (*skb).tc_index = u32::from(TAG_INGRESS | TAG_NO_DEVICE) };
    if first {
        swap(skb, link, ipv6, transport)?;
        return Some(if out { back_in(skb) } else { unsafe { bpf_redirect(interface, 0) as i32 } });
    }
    if out {
        // To the peer as it is; then round, to the target.
        unsafe { bpf_clone_redirect(skb, interface, 0) };
        swap(skb, link, ipv6, transport)?;
        store(skb, link + transport + 4, &[to_target.0, to_target.1])?;
        return Some(back_in(skb));
    }
    swap(skb, link, ipv6, transport)?;
    unsafe { bpf_clone_redirect(skb, interface, 0) };
    swap(skb, link, ipv6, transport)?;
    store(skb, link + transport + 4, &[to_peer.0, to_peer.1])?;
    Some(TC_ACT_UNSPEC)
}

/// The sum of both addresses.
#[inline(always)]
fn ends(skb: *mut __sk_buff, ipv6: bool) -> Option<u64> {
    if ipv6 { Some(sum(&load::<[u32; 8]>(skb, 8)?)) } else { Some(sum(&load::<[u32; 2]>(skb, 12)?)) }
}

/// The sum of a pseudo header's rest: protocol and length.
#[inline(always)]
fn pseudo(length: u32) -> u64 {
    u64::from(u32::from(TCP).to_be()) + u64::from(length.to_be())
}

/// The packet has become shorter: so says its network header.
#[inline(always)]
fn shorten(skb: *mut __sk_buff, link: u32, ipv6: bool, transport: u32) -> Option<()> {
    if ipv6 {
        let length = (transport - 40 + HEADER) as u16;
        return rewrite(skb, link + 4, &length.to_be());
    }
    // Options have been seen by nobody for decades: without them the checksum is over five words.
    if transport != 20 {
        return None;
    }
    let mut head: [u32; 5] = load(skb, 0)?;
    head[0] = (u32::from_be(head[0]) & 0xffff_0000 | (transport + HEADER)).to_be();
    head[2] = (u32::from_be(head[2]) & 0xffff_0000).to_be();
    let check = !fold(sum(&head));
    head[2] |= u32::from(check) << 16;
    rewrite(skb, link, &head)
}
