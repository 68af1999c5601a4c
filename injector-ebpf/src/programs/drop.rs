//! Loss: at tc egress so that the sender cannot tell it from the network's, at cgroup ingress so that the
//! receiver never sees it.

use aya_ebpf::{
    bindings::{__sk_buff, TC_ACT_UNSPEC},
    helpers::generated::{
        bpf_get_socket_uid, bpf_redirect, bpf_sk_cgroup_id, bpf_sk_fullsock, bpf_skb_cgroup_id,
    },
    macros::{cgroup_skb, classifier},
    programs::{SkBuffContext, TcContext},
};
use injector_ebpf::{
    names::PROG_DROP,
    rule::{CG_PROTECTED, HOOK_DROP_EGRESS, HOOK_DROP_INGRESS, TAG_DROP, TAG_MAGIC, TAG_MASK},
};

use super::{
    flows,
    gate::{self, Slot, Taken, count},
    maps::INJ_PROGS,
    packet::{Opaque, Packet, wire},
};

/// Has this packet been drawn before (on another device, or before our delay device)? Marks it if not.
#[inline(always)]
pub fn drawn_before(skb: *mut __sk_buff, what: u16) -> bool {
    let tag = unsafe { (*skb).tc_index } as u16;
    let ours = tag & TAG_MASK == TAG_MAGIC;
    if ours && tag & what != 0 {
        return true;
    }
    let base = if ours { tag } else { TAG_MAGIC };
    unsafe { (*skb).tc_index = u32::from(base | what) };
    false
}

#[classifier]
pub fn inj_drop_eg(ctx: TcContext) -> i32 {
    match egress(ctx.skb.skb) {
        // A redirect to a device that does not exist: the kernel frees the packet and tells the sender that
        // it was sent (net/core/dev.c, sch_handle_egress; net/core/filter.c, skb_do_redirect). TC_ACT_SHOT
        // would tell the sender at once, and TCP would resend without having lost anything.
        Some(()) => unsafe { bpf_redirect(0, 0) as i32 },
        None => TC_ACT_UNSPEC,
    }
}

/// clsact filters outlive the daemon. This one only jumps through an array that the kernel empties when the
/// daemon's descriptor of it goes, so that it is inert from then on.
#[classifier]
pub fn inj_drop_stub(ctx: TcContext) -> i32 {
    let _ = unsafe { INJ_PROGS.tail_call(&ctx, PROG_DROP) };
    TC_ACT_UNSPEC
}

#[inline(always)]
fn egress(skb: *mut __sk_buff) -> Option<()> {
    let now = gate::open()?;
    let id = unsafe { bpf_skb_cgroup_id(skb) };
    if id == 0 {
        count!(unattributed);
        return None;
    }
    let entry = gate::cgroup(id)?;
    if entry.rules == 0 {
        return None;
    }
    let packet = parse(skb)?;
    let slot =
        Slot::first(entry.rules, HOOK_DROP_EGRESS, |rule| rule.matches_peer(&packet.dst, packet.dst_port))?;
    if drawn_before(skb, TAG_DROP) {
        return None;
    }
    let wire = wire(skb);
    let taken = Taken {
        local: &packet.src,
        local_port: packet.src_port,
        wire,
        bytes: u64::from(unsafe { (*skb).len }),
        uid: unsafe { bpf_get_socket_uid(skb) },
        protected: entry.flags & CG_PROTECTED != 0 || packet.protected(&packet.dst),
    };
    if !slot.takes_packet(now, &taken) {
        return None;
    }
    flows::injected(skb, flows::Injected::Drop, wire);
    Some(())
}

#[cgroup_skb]
pub fn inj_drop_in(ctx: SkBuffContext) -> i32 {
    match ingress(ctx.skb.skb) {
        Some(()) => 0,
        None => 1,
    }
}

#[inline(always)]
fn ingress(skb: *mut __sk_buff) -> Option<()> {
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
    // The program is attached to the target's top cgroup and sees all below it. Only what the daemon has
    // checked against the protections is in the map.
    let entry = gate::cgroup(unsafe { bpf_sk_cgroup_id(sk.cast()) })?;
    if entry.rules == 0 {
        return None;
    }
    let packet = parse(skb)?;
    let slot =
        Slot::first(entry.rules, HOOK_DROP_INGRESS, |rule| rule.matches_peer(&packet.src, packet.src_port))?;
    let wire = wire(skb);
    let taken = Taken {
        local: &packet.dst,
        local_port: packet.dst_port,
        wire,
        bytes: u64::from(unsafe { (*skb).len }),
        uid: unsafe { bpf_get_socket_uid(skb) },
        protected: entry.flags & CG_PROTECTED != 0 || packet.protected(&packet.src),
    };
    if !slot.takes_packet(now, &taken) {
        return None;
    }
    flows::injected(skb, flows::Injected::Drop, wire);
    Some(())
}

#[inline(always)]
pub fn parse(skb: *mut __sk_buff) -> Option<Packet> {
    match Packet::parse(skb) {
        Ok(packet) => Some(packet),
        Err(Opaque::NotIp) => None,
        Err(Opaque::Unparsed) => {
            count!(unparsed);
            None
        }
    }
}
