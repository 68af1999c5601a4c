//! Delay: the program only selects. A classifier whose action redirects to our own device with netem does
//! the rest, because `skb->tstamp` keeps a packet charged to its socket and stalls TCP.

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_get_socket_uid, bpf_skb_cgroup_id},
    macros::classifier,
    programs::TcContext,
};
use injector_ebpf::{
    names::PROG_DELAY,
    rule::{CG_PROTECTED, HOOK_DELAY, TAG_DELAY},
};

use super::{
    drop::{drawn_before, parse},
    flows,
    gate::{self, Slot, Taken, count},
    maps::INJ_PROGS,
    packet::wire,
};

/// Classifier answers (non-direct-action cls_bpf): -1 takes the filter's action, 0 goes to the next filter.
const SELECT: i32 = -1;
const NEXT: i32 = 0;

/// One stub for each rule: a filter has one action, hence one device, hence one rule.
macro_rules! stubs {
    ($($name:ident = $slot:expr),* $(,)?) => { $(
        #[classifier]
        pub fn $name(ctx: TcContext) -> i32 {
            unsafe { (*ctx.skb.skb).cb[0] = $slot };
            let _ = unsafe { INJ_PROGS.tail_call(&ctx, PROG_DELAY) };
            NEXT
        }
    )* };
}
stubs!(
    inj_dstub0 = 0,
    inj_dstub1 = 1,
    inj_dstub2 = 2,
    inj_dstub3 = 3,
    inj_dstub4 = 4,
    inj_dstub5 = 5,
    inj_dstub6 = 6,
    inj_dstub7 = 7,
    inj_dstub8 = 8,
    inj_dstub9 = 9,
    inj_dstub10 = 10,
    inj_dstub11 = 11,
    inj_dstub12 = 12,
    inj_dstub13 = 13,
    inj_dstub14 = 14,
    inj_dstub15 = 15,
);

#[classifier]
pub fn inj_delay(ctx: TcContext) -> i32 {
    match select(ctx.skb.skb) {
        Some(()) => SELECT,
        None => NEXT,
    }
}

#[inline(always)]
fn select(skb: *mut __sk_buff) -> Option<()> {
    let now = gate::open()?;
    let id = unsafe { bpf_skb_cgroup_id(skb) };
    if id == 0 {
        count!(unattributed);
        return None;
    }
    let entry = gate::cgroup(id)?;
    let index = unsafe { (*skb).cb[0] };
    if index > 15 || entry.rules & (1 << index) == 0 {
        return None;
    }
    let slot = Slot::get(index)?;
    if slot.rule.hook & HOOK_DELAY == 0 {
        return None;
    }
    let packet = parse(skb)?;
    if !slot.rule.matches_peer(&packet.dst, packet.dst_port) || drawn_before(skb, TAG_DELAY) {
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
    flows::injected(skb, flows::Injected::Delay, wire);
    Some(())
}
