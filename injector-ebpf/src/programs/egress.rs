//! Packets on their way out.

use aya_ebpf::{
    bindings::{__sk_buff, TC_ACT_UNSPEC},
    helpers::{bpf_ktime_get_ns, generated::bpf_redirect},
    macros::classifier,
    programs::TcContext,
};
use injector_ebpf::{
    names::PROG_EGRESS,
    rule::{ACT_DROP, HOOK_EGRESS},
    tag::{LOST_MARK, TAG_EGRESS, TAG_INGRESS, TAG_MASK, TAG_NO_DEVICE, TAG_TWIN},
};

use super::{
    decide::{Candidate, NONE, sender},
    delays, flows, fragments,
    gate::{self, count},
    maps::INJ_PROGS,
    packet::{Opaque, Packet},
    work,
};

#[classifier]
pub fn inj_egress(ctx: TcContext) -> i32 {
    match egress(&ctx) {
        Some(answer) => answer,
        None => TC_ACT_UNSPEC,
    }
}

/// clsact filters outlive the daemon. This one only jumps through an array that the kernel empties when the
/// daemon's descriptor of it goes, so that it is inert from then on.
#[classifier]
pub fn inj_eg_stub(ctx: TcContext) -> i32 {
    let _ = unsafe { INJ_PROGS.tail_call(&ctx, PROG_EGRESS) };
    TC_ACT_UNSPEC
}

#[inline(always)]
fn egress(ctx: &TcContext) -> Option<i32> {
    let skb = ctx.skb.skb;
    let tag = unsafe { (*skb).tc_index } as u16;
    if tag & TAG_MASK == TAG_EGRESS {
        back(skb, tag);
        return None;
    }
    if tag & TAG_MASK == TAG_INGRESS || tag & TAG_MASK == TAG_TWIN {
        // Ours, and on its way in by the loopback interface.
        return None;
    }
    let now = gate::open()?;
    let entry = gate::cgroup(sender(skb))?;
    if entry.rules == 0 {
        return None;
    }
    let mut packet = Packet::NOTHING;
    match packet.parse(skb) {
        Ok(()) => {}
        Err(Opaque::NotIp) => return None,
        Err(Opaque::Unparsed) => return follow(skb, entry.rules),
    }
    if packet.fragmented {
        // What became of an earlier packet with its number is nothing to its fragments.
        fragments::inj_lead(skb, 0);
    }
    let candidate = Candidate::new(skb, &packet, entry, HOOK_EGRESS, 0, now)?;
    unsafe { (*skb).tc_index = u32::from(TAG_EGRESS | TAG_NO_DEVICE) };
    let chosen = candidate.ask();
    if candidate.packet.fragmented && (chosen.lose != NONE || chosen.device != NONE) {
        lead(skb, chosen.lose, chosen.device);
    }
    let slot = chosen.lose;
    if slot != NONE {
        flows::injected(skb, flows::Injected::Drop, candidate.wire);
        if work::of(slot) == ACT_DROP {
            return Some(lost(skb));
        }
        work::hand_over(ctx, slot, &candidate);
        return None;
    }
    let slot = chosen.device;
    if slot != NONE {
        flows::injected(skb, flows::Injected::Delay, candidate.wire);
        to_device(skb, slot);
    }
    if chosen.change != NONE {
        work::hand_over(ctx, chosen.change, &candidate);
    }
    None
}

/// A redirect to a device that does not exist: the kernel frees the packet and tells the sender that it was sent
/// (net/core/dev.c, sch_handle_egress; net/core/filter.c, skb_do_redirect). TC_ACT_SHOT would tell the sender at once,
/// and TCP would resend without having lost anything.
#[inline(always)]
fn lost(skb: *mut __sk_buff) -> i32 {
    unsafe {
        (*skb).mark = LOST_MARK;
        bpf_redirect(0, 0) as i32
    }
}

/// Marks the packet for the filter that sends it to the device of rule `slot`, and with the time.
#[inline(always)]
fn to_device(skb: *mut __sk_buff, slot: u32) {
    unsafe {
        (*skb).tc_index = u32::from(TAG_EGRESS) | slot;
        (*skb).tstamp = bpf_ktime_get_ns();
    }
}

/// Tells the later fragments what becomes of their first one.
#[inline(always)]
fn lead(skb: *mut __sk_buff, lose: u32, device: u32) {
    let verdict = if lose != NONE && work::of(lose) == ACT_DROP {
        fragments::LOST | u64::from(lose)
    } else if lose == NONE && device != NONE {
        fragments::TO_DEVICE | u64::from(device)
    } else {
        0
    };
    fragments::inj_lead(skb, verdict);
}

/// A packet without ports: a later fragment goes the way of its first one.
#[inline(always)]
fn follow(skb: *mut __sk_buff, rules: u32) -> Option<i32> {
    let verdict = fragments::inj_follow(skb, rules);
    if verdict == 0 {
        count!(unparsed);
    } else if verdict & fragments::LOST != 0 {
        return Some(lost(skb));
    } else {
        to_device(skb, verdict as u32 & 15);
    }
    None
}

/// A packet that was asked about before: back from a device of ours it tells how long it was there.
#[inline(always)]
fn back(skb: *mut __sk_buff, tag: u16) {
    let slot = tag & !TAG_MASK;
    // A packet that this host sends has come in by no interface, unless ours.
    if slot == TAG_NO_DEVICE || unsafe { (*skb).ingress_ifindex } == 0 {
        return;
    }
    let sent = unsafe { (*skb).tstamp };
    if sent != 0 {
        delays::measured(u32::from(slot), sent);
        // Whoever comes next may take it for a time to send at.
        unsafe { (*skb).tstamp = 0 };
    }
}
