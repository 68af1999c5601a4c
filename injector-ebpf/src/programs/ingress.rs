//! Packets on their way in, where they can still be changed, answered or sent through a device of ours. Plain loss is
//! decided later, at the target's cgroup.

use aya_ebpf::{
    bindings::{BPF_CSUM_LEVEL_RESET, TC_ACT_UNSPEC},
    helpers::generated::bpf_csum_level,
    macros::classifier,
    programs::TcContext,
};
use injector_ebpf::{
    names::PROG_INGRESS,
    rule::{ACT_DROP, HOOK_INGRESS},
    tag::{LOST_MARK, TAG_INGRESS, TAG_MASK, TAG_NO_DEVICE, TAG_TWIN},
};

use super::{
    decide::{Candidate, NONE, parse},
    gate,
    maps::INJ_PROGS,
    owner,
    packet::Packet,
    work,
};

const TC_ACT_SHOT: i32 = 2;
/// linux/if_packet.h
const PACKET_OTHERHOST: u32 = 3;

#[classifier]
pub fn inj_ingress(ctx: TcContext) -> i32 {
    match ingress(&ctx) {
        Some(answer) => answer,
        None => TC_ACT_UNSPEC,
    }
}

/// As `inj_eg_stub`.
#[classifier]
pub fn inj_in_stub(ctx: TcContext) -> i32 {
    let _ = unsafe { INJ_PROGS.tail_call(&ctx, PROG_INGRESS) };
    TC_ACT_UNSPEC
}

#[inline(always)]
fn ingress(ctx: &TcContext) -> Option<i32> {
    let skb = ctx.skb.skb;
    let tag = unsafe { (*skb).tc_index } as u16;
    if tag & TAG_MASK == TAG_INGRESS {
        // It was at its device: the filters of a device above this one (a bond's, a VLAN's) must not send it there again.
        unsafe { (*skb).tc_index = u32::from(TAG_INGRESS | TAG_NO_DEVICE) };
        return None;
    }
    if tag & TAG_MASK == TAG_TWIN {
        // It has yet to go where the packet goes of which it is a copy.
        unsafe { (*skb).tc_index = u32::from(TAG_INGRESS | tag & !TAG_MASK) };
        return None;
    }
    // A bridge's or a macvlan's: no socket here is meant, though one that listens to all addresses would be found.
    if unsafe { (*skb).pkt_type } == PACKET_OTHERHOST {
        return None;
    }
    let now = gate::open()?;
    let mut packet = Packet::NOTHING;
    parse(skb, &mut packet)?;
    let (cgroup, uid) = owner::receiver(skb, &packet);
    let entry = gate::cgroup(cgroup)?;
    if entry.rules == 0 {
        return None;
    }
    let candidate = Candidate::new(skb, &packet, entry, HOOK_INGRESS, uid, now)?;
    if !owner::is_local(skb, &packet) {
        return None;
    }
    unsafe { (*skb).tc_index = u32::from(TAG_INGRESS | TAG_NO_DEVICE) };
    let chosen = candidate.ask();
    let slot = chosen.lose;
    if slot != NONE {
        if work::of(slot) == ACT_DROP {
            unsafe { (*skb).mark = LOST_MARK };
            return Some(TC_ACT_SHOT);
        }
        work::hand_over(ctx, slot, &candidate);
        return None;
    }
    let slot = chosen.device;
    if slot != NONE {
        unsafe {
            (*skb).tc_index = u32::from(TAG_INGRESS) | slot;
            // It comes in when the device lets it go: the kernel then takes the time that SO_TIMESTAMP tells, and
            // what the interface's hardware said of its checksum does not count any more.
            (*skb).tstamp = 0;
            bpf_csum_level(skb, u64::from(BPF_CSUM_LEVEL_RESET));
        }
    }
    if chosen.change != NONE {
        work::hand_over(ctx, chosen.change, &candidate);
    }
    None
}
