//! The dice.

use aya_ebpf::helpers::bpf_get_prandom_u32;
use injector_ebpf::draw::{DRAW_CHANCE, DRAW_FLOWS, Draw, mix};

use super::{atomic, maps::INJ_DRAWS, packet::Packet};

/// Another CPU may have been first: then once more. Whoever loses every time lets its packet through.
const TRIES: u32 = 8;

/// Does the fault take this packet?
#[inline(always)]
pub fn takes(index: u32, draw: &Draw, flow: u32, now: u64) -> bool {
    if matches!(draw.kind, DRAW_CHANCE | DRAW_FLOWS) {
        return draw.take(0, [unsafe { bpf_get_prandom_u32() }, 0], flow, now).acts;
    }
    let Some(state) = INJ_DRAWS.get_ptr_mut(index) else { return false };
    let mut old = unsafe { core::ptr::read_volatile(state) };
    let random = unsafe { [bpf_get_prandom_u32(), bpf_get_prandom_u32()] };
    for _ in 0..TRIES {
        let outcome = draw.take(old, random, flow, now);
        let there = unsafe { atomic::exchange(state, old, outcome.state) };
        if there == old {
            return outcome.acts;
        }
        old = there;
    }
    false
}

/// The same for all packets of a conversation, whichever way they go.
#[inline(always)]
pub fn flow(packet: &Packet) -> u32 {
    let mut sum = u32::from(packet.src_port).wrapping_add(u32::from(packet.dst_port));
    sum = sum.wrapping_add(u32::from(packet.protocol) << 24);
    for word in 0..4 {
        sum = sum.wrapping_add(mix(packet.src[word])).wrapping_add(mix(packet.dst[word]));
    }
    mix(sum)
}
