//! Packets and bytes of the watched cgroups, counted in the socket: no hash, no eviction.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, bpf_sock},
    helpers::generated::{
        bpf_get_socket_cookie, bpf_jiffies64, bpf_sk_cgroup_id, bpf_sk_fullsock, bpf_sk_storage_get,
    },
    macros::cgroup_skb,
    programs::SkBuffContext,
};
use injector_ebpf::{
    flow::{Counts, FLOW_ENDED, Flow},
    rule::CG_WATCH,
    slot::{FULL, SLOT_ENDED, Slot, SlotCounts, packet},
};

use super::{
    atomic, flows, fold, gate,
    maps::{INJ_FLOWS, raw},
    slots,
};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
/// No socket of a program has this protocol: it is the kernel's own, in test runs.
const NO_PROTOCOL: u32 = 0;
const TCP: u32 = 6;
const UDP: u32 = 17;
const TCP_CLOSE: u32 = 7;
const TCP_LISTEN: u32 = 10;
/// `__sk_buff.pkt_type`: for this host, and not for many.
pub const PACKET_HOST: u32 = 0;

#[cgroup_skb]
pub fn inj_obs_tx(ctx: SkBuffContext) -> i32 {
    count::<true>(ctx.skb.skb);
    1
}

#[cgroup_skb]
pub fn inj_obs_rx(ctx: SkBuffContext) -> i32 {
    let skb = ctx.skb.skb;
    // Each member of a group gets a copy: no flow counts what came in once.
    if unsafe { (*skb).pkt_type } != PACKET_HOST {
        return 1;
    }
    count::<false>(skb);
    1
}

/// Adds a packet to its flow, if it has one. What a packet of a known flow costs is here, where the flow has a slot.
/// `TX`: it was sent.
#[inline(always)]
fn count<const TX: bool>(skb: *mut __sk_buff) {
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    let Some(slot) = slots::of(cookie) else { return };
    if cookie == 0 {
        return;
    }
    unsafe {
        if slots::is_of(slot, cookie) {
            (*slot).last = bpf_jiffies64() as u32;
            let before = add_to_slot::<TX>(&raw mut (*slot).counts, skb);
            // Read anew: the flow may have ended since.
            if before >= FULL || core::ptr::read_volatile(&raw const (*slot).cookie) != cookie {
                spill(skb, slot, cookie);
            }
            return;
        }
        let flow = flow(skb);
        if flow.is_null() {
            return;
        }
        add_to_flow::<TX>(&raw mut (*flow).counts, skb);
        ended_meanwhile(flow);
        if slots::claim(slot, flow, cookie) && core::ptr::read_volatile(&raw const (*flow).cookie) != cookie {
            slots::end(flow, cookie);
            ended_meanwhile(flow);
        }
    }
}

/// Adds a packet to what is in a slot; returns packets and bytes that were there.
#[inline(always)]
unsafe fn add_to_slot<const TX: bool>(counts: *mut SlotCounts, skb: *mut __sk_buff) -> u64 {
    unsafe {
        let (all, more) = if TX {
            (&raw mut (*counts).tx, &raw mut (*counts).tx_more)
        } else {
            (&raw mut (*counts).rx, &raw mut (*counts).rx_more)
        };
        add_more(more, skb);
        atomic::add_first(all, packet((*skb).len))
    }
}

/// Adds a packet to a flow's own counts.
#[inline(always)]
unsafe fn add_to_flow<const TX: bool>(counts: *mut Counts, skb: *mut __sk_buff) {
    unsafe {
        let (packets, bytes, more) = if TX {
            (&raw mut (*counts).tx_packets, &raw mut (*counts).tx_bytes, &raw mut (*counts).tx_more)
        } else {
            (&raw mut (*counts).rx_packets, &raw mut (*counts).rx_bytes, &raw mut (*counts).rx_more)
        };
        add_more(more, skb);
        atomic::add(packets, 1);
        atomic::add_first(bytes, u64::from((*skb).len));
    }
}

/// Adds the segments that an skb has beyond one.
#[inline(always)]
unsafe fn add_more(more: *mut u64, skb: *mut __sk_buff) {
    unsafe {
        let segments = (*skb).gso_segs;
        if segments > 1 {
            atomic::add(more, u64::from(segments - 1));
        }
    }
}

/// Moves what was counted in a slot that is full, or whose flow has ended, to its socket's flow. Of a flow that has ended it
/// is nobody's where the socket is no longer observed; of one that has not it stays, and its end will move it.
#[inline(never)]
fn spill(skb: *mut __sk_buff, slot: *mut Slot, cookie: u64) -> i32 {
    unsafe {
        let whose = core::ptr::read_volatile(&raw const (*slot).cookie);
        // Another one's by now, a second later: nobody knows whose what is.
        if whose & !SLOT_ENDED != cookie {
            return 0;
        }
        let flow = flow(skb);
        if flow.is_null() {
            if whose != cookie {
                slots::forget(slot);
            }
            return 0;
        }
        if whose == cookie {
            slots::spill_full(slot, &raw mut (*flow).counts);
        } else {
            slots::spill(slot, &raw mut (*flow).counts);
        }
        ended_meanwhile(flow);
    }
    0
}

/// Reads a field of a socket by one load of its own: the verifier knows `sk + constant`, and no other
/// arithmetic, so the compiler must not merge or move these.
macro_rules! read {
    ($sk:expr, $($field:tt)+) => {
        core::ptr::read_volatile(&raw const (*$sk).$($field)+)
    };
}

/// What was counted in a flow that has ended goes on to its dependency.
#[inline(always)]
unsafe fn ended_meanwhile(flow: *mut Flow) {
    // Read anew: it may have ended since it was looked up.
    if unsafe { core::ptr::read_volatile(&raw const (*flow).cookie) } == 0 {
        fold::late(flow);
    }
}

/// The packet's flow, or null. That of a known one is here; everything else is in [`look`].
#[inline(always)]
fn flow(skb: *mut __sk_buff) -> *mut Flow {
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return core::ptr::null_mut();
    }
    let flow: *mut Flow =
        unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk.cast(), core::ptr::null_mut(), 0) }.cast();
    if !flow.is_null() {
        unsafe {
            if (*flow).generation == gate::generation() && (*flow).cookie != 0 {
                (*flow).last = bpf_jiffies64();
                return flow;
            }
        }
    }
    look(skb)
}

/// The flow of a full socket that may have one, made if need be, or null. It may have ended, or have no name yet.
///
/// # Safety
/// `sk` is a full socket as the program's type hands it out. `cgroup` is asked for its cgroup's id.
#[inline(always)]
pub unsafe fn flow_of(sk: *mut bpf_sock, cgroup: impl FnOnce() -> u64) -> *mut Flow {
    let none = core::ptr::null_mut();
    // A listener has no peer; what a closed connection still sends belongs to what it was.
    match unsafe { (read!(sk, protocol), read!(sk, state)) } {
        (TCP, TCP_LISTEN) => return none,
        (TCP, TCP_CLOSE) => {
            return unsafe { bpf_sk_storage_get(raw(&INJ_FLOWS), sk.cast::<c_void>(), none.cast(), 0) }
                .cast();
        }
        (TCP | UDP | NO_PROTOCOL, _) => {}
        _ => return none,
    }
    let id = cgroup();
    // Before the entry, which is written before it: what is kept is never newer than its generation says.
    let generation = gate::generation();
    let entry = gate::cgroup(id).unwrap_or_default();
    if entry.flags & CG_WATCH == 0 && !gate::all_watched() {
        return none;
    }
    let flow = unsafe { flows::get_or_create(sk.cast()) };
    if !flow.is_null() {
        unsafe {
            (*flow).cgroup = id;
            (*flow).rules = entry.rules;
            (*flow).generation = generation;
        }
    }
    flow
}

/// The flow of a packet whose socket has none, or one that was looked up before the cgroups changed, or one that has
/// ended.
#[inline(never)]
fn look(skb: *mut __sk_buff) -> *mut Flow {
    let none = core::ptr::null_mut();
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return none;
    }
    let sk = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        return none;
    }
    let Some(stats) = flows::stats() else { return none };
    let flow = unsafe { flow_of(sk, || bpf_sk_cgroup_id(sk.cast())) };
    if flow.is_null() {
        return none;
    }
    unsafe {
        let closed = read!(sk, protocol) == TCP && read!(sk, state) == TCP_CLOSE;
        if (*flow).cookie == 0 && !closed && !released(flow) {
            name(flow, sk);
            (*flow).flags = 0;
            (*flow).cookie = bpf_get_socket_cookie(skb.cast());
            atomic::add(&raw mut (*stats).created, 1);
        }
        (*flow).last = bpf_jiffies64();
    }
    flow
}

/// Only a TCP socket may be connected anew; any other that has ended was closed for good.
#[inline(always)]
unsafe fn released(flow: *mut Flow) -> bool {
    unsafe { (*flow).flags & FLOW_ENDED != 0 && u32::from((*flow).protocol) != TCP }
}

/// Writes addresses and ports; an unconnected UDP socket has no remote ones.
#[inline(always)]
unsafe fn name(flow: *mut Flow, sk: *mut bpf_sock) {
    let mapped = 0xffff_u32.to_be();
    unsafe {
        (*flow).protocol = read!(sk, protocol) as u16;
        (*flow).local_port = read!(sk, src_port) as u16;
        (*flow).remote_port = u16::from_be(read!(sk, dst_port));
        // All words first, the choice after: two branches of loads would be merged into one with a variable
        // offset, which the verifier refuses for a socket.
        let v4 = [read!(sk, src_ip4), read!(sk, dst_ip4)];
        let src =
            [read!(sk, src_ip6[0]), read!(sk, src_ip6[1]), read!(sk, src_ip6[2]), read!(sk, src_ip6[3])];
        let dst =
            [read!(sk, dst_ip6[0]), read!(sk, dst_ip6[1]), read!(sk, dst_ip6[2]), read!(sk, dst_ip6[3])];
        match read!(sk, family) {
            AF_INET => {
                (*flow).local = [0, 0, mapped, v4[0]];
                (*flow).remote = [0, 0, mapped, v4[1]];
            }
            AF_INET6 => {
                (*flow).local = src;
                (*flow).remote = dst;
            }
            _ => {}
        }
    }
}
