//! Loss at the target's cgroup: on the way in before the receiver sees the packet, on the way out so that the sender
//! is told (EPERM).
//!
//! The programs are attached to the target's top cgroup and see all below it. Only what the daemon has checked against
//! the protections is in the map.

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_sk_cgroup_id, bpf_sk_fullsock},
    macros::cgroup_skb,
    programs::SkBuffContext,
};
use injector_ebpf::{
    rule::{HOOK_CGROUP_EGRESS, HOOK_CGROUP_INGRESS},
    tag::LOST_MARK,
};

use super::{
    decide::{Candidate, NONE, parse},
    flows,
    gate::{self, count},
    packet::Packet,
};

#[cgroup_skb]
pub fn inj_drop_in(ctx: SkBuffContext) -> i32 {
    match decide(ctx.skb.skb, HOOK_CGROUP_INGRESS) {
        Some(()) => 0,
        None => 1,
    }
}

#[cgroup_skb]
pub fn inj_drop_out(ctx: SkBuffContext) -> i32 {
    match decide(ctx.skb.skb, HOOK_CGROUP_EGRESS) {
        Some(()) => 0,
        None => 1,
    }
}

#[inline(always)]
fn decide(skb: *mut __sk_buff, hook: u32) -> Option<()> {
    let now = gate::open()?;
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let sk = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        count!(unattributed);
        return None;
    }
    let entry = gate::cgroup(unsafe { bpf_sk_cgroup_id(sk.cast()) })?;
    if entry.rules == 0 {
        return None;
    }
    let mut packet = Packet::NOTHING;
    parse(skb, &mut packet)?;
    let candidate = Candidate::new(skb, &packet, entry, hook, 0, now)?;
    if candidate.ask().lose == NONE {
        return None;
    }
    flows::injected(skb, flows::Injected::Drop, candidate.wire);
    unsafe { (*skb).mark = LOST_MARK };
    Some(())
}
