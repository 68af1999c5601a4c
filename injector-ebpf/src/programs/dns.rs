//! DNS over UDP: which name a query asks for, and answers in the server's name (RFC 1035, section 4).

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_MARK_MANGLED_0, TC_ACT_UNSPEC, bpf_hdr_start_off::BPF_HDR_START_NET},
    helpers::generated::{bpf_l4_csum_replace, bpf_skb_load_bytes_relative},
    macros::classifier,
    programs::TcContext,
};
use injector_ebpf::{
    rule::{NAME_CASE, NAME_LENGTH, NAME_ROOM},
    tag::{TAG_INGRESS, TAG_NO_DEVICE},
};

use super::{
    headers::{back_in, link, store, swap},
    maps::{INJ_NAME, INJ_NAME_KEY, INJ_NAMES, INJ_RULES},
    packet::load,
    work::{CB_SLOT, CB_TRANSPORT, CB_WAY, WAY_IPV6, failed},
};

/// From the transport header to the DNS header, and from there to the question.
const UDP_HEADER: u32 = 8;
const DNS_HEADER: u32 = 12;
/// The checksum in UDP's header.
const UDP_CHECK: u32 = 6;
/// Longest name, in bytes.
const NAME: u32 = 255;
/// Most labels of a name that is looked at.
const LABELS: u32 = 32;
const QUERY: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;

/// The rules with names that mean the name which a query asks for.
///
/// A global function: the verifier looks at it once, by itself, and not once for every way that leads here.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_asked_for(skb: *mut __sk_buff, transport: u32) -> u32 {
    let Some(name) = INJ_NAME.get_ptr_mut(0) else { return 0 };
    let Some(key) = INJ_NAME_KEY.get_ptr_mut(0) else { return 0 };
    let Some(length) = load::<u16>(skb, transport + 4) else { return 0 };
    let Some(flags) = load::<u16>(skb, transport + UDP_HEADER + 2) else { return 0 };
    if u16::from_be(flags) & (QUERY | OPCODE) != 0 {
        return 0;
    }
    // Less one, so that the verifier sees that it is at least one. Too short a packet becomes the longest name, which
    // cannot be read.
    let mut more = u32::from(u16::from_be(length)).wrapping_sub(UDP_HEADER + DNS_HEADER + 1);
    if more > NAME - 1 {
        more = NAME - 1;
    }
    let length = more + 1;
    let read = unsafe {
        bpf_skb_load_bytes_relative(
            skb.cast(),
            transport + UDP_HEADER + DNS_HEADER,
            name.cast(),
            length,
            BPF_HDR_START_NET as u32,
        )
    };
    if read != 0 {
        return 0;
    }
    let end = inj_name_end(length);
    if end == OPEN {
        return 0;
    }
    let byte = |at: u32| unsafe { core::ptr::read_volatile(name.cast::<u8>().add((at & 0xff) as usize)) };
    // Backwards, with the bit that makes letters lower case. What follows behind the name's begin is the scratch's
    // last byte, which no name reaches.
    for k in 0..NAME_ROOM as u32 {
        let there = byte(end.wrapping_sub(k)) | NAME_CASE;
        unsafe { core::ptr::write_volatile((&raw mut (*key).data.0[k as usize]).cast::<u8>(), there) };
    }
    unsafe { (*key).prefix_len = NAME_ROOM as u32 * 8 };
    let Some(rules) = INJ_NAMES.get(unsafe { &*key }) else { return 0 };
    if rules.length > end { rules.exact } else { rules.below }
}

/// [`inj_name_end`]: the name has no end.
const OPEN: u32 = u32::MAX;

/// Where the name in the scratch, of at most `length` bytes, ends: at an empty label. Marks the lengths of its labels.
///
/// A global function as well: the name is copied the same way for all ends, and not once for each number of labels.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_name_end(length: u32) -> u32 {
    let Some(name) = INJ_NAME.get_ptr_mut(0) else { return OPEN };
    let at = |at: u32| unsafe { name.cast::<u8>().add((at & 0xff) as usize) };
    let mut end = 0;
    for _ in 0..LABELS {
        let label = u32::from(unsafe { core::ptr::read_volatile(at(end)) });
        if label == 0 || label > 63 {
            break;
        }
        // What is a length must not be taken for a letter: 13 would be a hyphen.
        let marked = label as u8 | NAME_LENGTH;
        unsafe { core::ptr::write_volatile(at(end), marked) };
        end += label + 1;
    }
    if unsafe { core::ptr::read_volatile(at(end)) } != 0 || end >= length { OPEN } else { end }
}

#[classifier]
pub fn inj_dns(ctx: TcContext) -> i32 {
    let skb = ctx.skb.skb;
    let slot = unsafe { (*skb).cb[CB_SLOT] };
    match answer(skb, slot) {
        Some(answer) => answer,
        None => {
            failed(slot);
            TC_ACT_UNSPEC
        }
    }
}

/// The query becomes its own answer, without a record.
#[inline(always)]
fn answer(skb: *mut __sk_buff, slot: u32) -> Option<i32> {
    let (transport, way) = unsafe { ((*skb).cb[CB_TRANSPORT], (*skb).cb[CB_WAY]) };
    if transport < 20 || transport > 200 {
        return None;
    }
    let rcode = INJ_RULES.get(slot)?.rcode as u16 & 0xf;
    let link = link(skb)?;
    let at = transport + UDP_HEADER + 2;
    let old: u16 = load(skb, at)?;
    let asked = u16::from_be(old);
    let new = (QUERY | asked & RECURSION_DESIRED | RECURSION_AVAILABLE | rcode).to_be();
    store(skb, link + at, &new)?;
    let flags = 2 | u64::from(BPF_F_MARK_MANGLED_0);
    let check = link + transport + UDP_CHECK;
    if unsafe { bpf_l4_csum_replace(skb, check, u64::from(old), u64::from(new), flags) } != 0 {
        return None;
    }
    swap(skb, link, way & WAY_IPV6 != 0, transport)?;
    unsafe { (*skb).tc_index = u32::from(TAG_INGRESS | TAG_NO_DEVICE) };
    Some(back_in(skb))
}
