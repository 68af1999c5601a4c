//! Fragments follow their first one: only that one has ports, and a datagram that lost one of them is lost.

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_jiffies64, bpf_ktime_get_ns},
};

use injector_ebpf::rule::{HOOK_EGRESS, RULE_SHADOW};

use super::{
    gate::{PACKET_METERS, Slot},
    maps::INJ_FRAGMENTS,
    packet::load,
};

/// What became of the first fragment, above the rule's slot. Above both stands when that was, in units of about 1 ms.
pub const LOST: u64 = 1 << 8;
pub const TO_DEVICE: u64 = 2 << 8;
const WHEN: u32 = 16;
/// How long the later ones may take, in the same units. The sender's identifications come round again, in less than a
/// minute for a busy one, and another datagram must not suffer for the one that had its number before.
const LATE: u64 = 1000;

/// Addresses (of IPv4 the last word of each), identification, and the protocol.
type Key = [u32; 10];

#[inline(always)]
fn key(skb: *mut __sk_buff) -> Option<Key> {
    let version: u8 = load(skb, 0)?;
    if version >> 4 == 4 {
        let head: [u32; 5] = load(skb, 0)?;
        let protocol = u32::from_be(head[2]) >> 16 & 0xff;
        return Some([head[3], 0, 0, 0, head[4], 0, 0, 0, u32::from_be(head[1]) >> 16, protocol]);
    }
    let head: [u32; 10] = load(skb, 0)?;
    // The fragment header comes first where this host has made it.
    if u32::from_be(head[1]) >> 8 & 0xff != 44 {
        return None;
    }
    let fragment: [u32; 2] = load(skb, 40)?;
    Some([head[2], head[3], head[4], head[5], head[6], head[7], head[8], head[9], fragment[1], 44])
}

/// Remembers what became of a first fragment; 0: nothing.
///
/// A global function: the verifier looks at it once, by itself.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_lead(skb: *mut __sk_buff, verdict: u64) -> u64 {
    let verdict = verdict & 0xffff | tick() << WHEN;
    match key(skb) {
        Some(key) => u64::from(INJ_FRAGMENTS.insert(&key, &verdict, 0).is_ok()),
        None => 0,
    }
}

#[inline(always)]
fn tick() -> u64 {
    unsafe { bpf_ktime_get_ns() >> 20 }
}

/// What is to become of a later fragment of a cgroup with these `rules`: [`LOST`] or [`TO_DEVICE`] with the slot, or 0. The budgets are charged for it;
/// it is no packet of its own in the statistics, only bytes and a segment on the wire.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_follow(skb: *mut __sk_buff, rules: u32) -> u64 {
    let Some(key) = key(skb) else { return 0 };
    let Some(verdict) = (unsafe { INJ_FRAGMENTS.get(&key) }) else { return 0 };
    let (when, verdict) = (*verdict >> WHEN, *verdict & 0xffff);
    let ours = rules >> (verdict & 15) & 1 != 0;
    if verdict >> 8 == 0 || !ours || tick().wrapping_sub(when) > LATE {
        return 0;
    }
    let Some(slot) = Slot::get(verdict as u32 & 0xff) else { return 0 };
    let (now, bytes) = unsafe { (bpf_jiffies64(), u64::from((*skb).len)) };
    let rule = &slot.rule;
    if rule.hook & HOOK_EGRESS == 0 || rule.flags & RULE_SHADOW != 0 {
        return 0;
    }
    if !slot.alive(now) || !slot.settle(now, 1, bytes, &PACKET_METERS) {
        return 0;
    }
    slot.follows(bytes);
    verdict
}
