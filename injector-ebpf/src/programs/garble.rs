//! One byte of the payload becomes another one, and the checksum is made right: the application gets wrong data.

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_MARK_MANGLED_0, TC_ACT_UNSPEC},
    helpers::{bpf_get_prandom_u32, generated::bpf_l4_csum_replace},
    macros::classifier,
    programs::TcContext,
};

use super::{
    headers::{at, link, store},
    packet::load,
    work::{CB_SLOT, CB_TRANSPORT, CB_WAY, WAY_IPV6, WAY_TCP, failed},
};

/// The byte is among the first so many: what lies behind may be elsewhere in memory.
const REACH: u32 = 1024;
/// Where the checksum is.
const TCP_CHECK: u32 = 16;
const UDP_CHECK: u32 = 6;

#[classifier]
pub fn inj_garble(ctx: TcContext) -> i32 {
    let skb = ctx.skb.skb;
    if garble(skb).is_none() {
        failed(unsafe { (*skb).cb[CB_SLOT] });
    }
    TC_ACT_UNSPEC
}

#[inline(always)]
fn garble(skb: *mut __sk_buff) -> Option<()> {
    let (transport, way) = unsafe { ((*skb).cb[CB_TRANSPORT], (*skb).cb[CB_WAY]) };
    if transport < 20 || transport > 200 {
        return None;
    }
    let link = link(skb)?;
    let tcp = way & WAY_TCP != 0;
    let head = if tcp { (load::<u8>(skb, transport + 12)? as u32 >> 4) * 4 } else { 8 };
    let length = unsafe { (*skb).len }.wrapping_sub(link);
    // Short frames are filled up, by what no checksum covers. What is too long for the field says 0.
    let said = if way & WAY_IPV6 != 0 {
        u32::from(u16::from_be(load(skb, 4)?)) + 40
    } else {
        u32::from(u16::from_be(load(skb, 2)?))
    };
    let length = if said > transport && said < length { said } else { length };
    let payload = length.wrapping_sub(transport + head);
    if payload == 0 || payload > 1 << 20 {
        return None;
    }
    let room = if payload > REACH { REACH } else { payload };
    let random = unsafe { bpf_get_prandom_u32() };
    // Even, so that the byte is the first one of a word of the checksum.
    let offset = (random >> 8) % room & !1;
    let place = link + transport + head + offset;
    let old: u8 = at(skb, place)?;
    let new = old ^ ((random & 0xff) as u8 | 1);
    store(skb, place, &new)?;
    let check = link + transport + if tcp { TCP_CHECK } else { UDP_CHECK };
    let flags = 2 | if tcp { 0 } else { u64::from(BPF_F_MARK_MANGLED_0) };
    let word = |byte: u8| u64::from(u16::from_ne_bytes([byte, 0]));
    let done = unsafe { bpf_l4_csum_replace(skb, check, word(old), word(new), flags) };
    if done == 0 { Some(()) } else { None }
}
