//! The dice.

use aya_ebpf::helpers::bpf_get_prandom_u32;
use injector_ebpf::draw::{DRAW_CHANCE, DRAW_FLOWS, Draw, mix};

use super::{atomic, maps::INJ_DRAWS, packet::Packet};

/// Another CPU may have been first: then once more. Whoever loses every time lets its packet through.
const TRIES: u32 = 8;

/// In what [`takes`] returns: the fault takes it.
const TAKEN: u64 = 1 << 32;

/// Does the fault take this packet or call? 0 if not; else with a word in the lower half, for what else is to be chosen.
#[inline(always)]
pub fn takes(index: u32, draw: &Draw, flow: u32, now: u64) -> u64 {
    let random = || unsafe { bpf_get_prandom_u32() };
    let taken = |acts: bool, word: u32| if acts { TAKEN | u64::from(word) } else { 0 };
    if matches!(draw.kind, DRAW_CHANCE | DRAW_FLOWS) {
        return if draw.take(0, [random(), 0], flow, now).acts { taken(true, random()) } else { 0 };
    }
    let Some(state) = INJ_DRAWS.get_ptr_mut(index) else { return 0 };
    if draw.is_numbered() {
        // One instruction, so that the count is exact however many come at once.
        let number = unsafe { atomic::next(state) };
        let word = if draw.seed == 0 { random() } else { Draw::other(draw.word(number)) };
        return taken(draw.numbered(number), word);
    }
    let mut old = unsafe { core::ptr::read_volatile(state) };
    let random = [random(), random()];
    for _ in 0..TRIES {
        let outcome = draw.take(old, random, flow, now);
        let there = unsafe { atomic::exchange(state, old, outcome.state) };
        if there == old {
            let word = if draw.seed == 0 { random[0] } else { draw.word(old >> 1) };
            return taken(outcome.acts, mix(Draw::other(word)));
        }
        old = there;
    }
    0
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
