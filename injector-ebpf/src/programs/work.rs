//! Faults that need a program of their own: the one that decided jumps to it.

use aya_ebpf::programs::TcContext;
use injector_ebpf::{
    names::{PROG_DNS, PROG_FORGE, PROG_GARBLE, PROG_TWIN},
    rule::{ACT_DNS, ACT_DUPLICATE, ACT_GARBLE, ACT_RESET},
};

use super::{
    atomic,
    decide::{self, Candidate},
    gate::Slot,
    maps::INJ_PROGS,
    packet::TCP,
};

/// What the deciding program tells the working one, in the packet's control block.
pub const CB_SLOT: usize = 0;
/// From the network header to the transport's, in bytes.
pub const CB_TRANSPORT: usize = 1;
/// `WAY_` bits.
pub const CB_WAY: usize = 2;

/// The packet is on its way out.
pub const WAY_OUT: u32 = 1;
/// It is IPv6.
pub const WAY_IPV6: u32 = 2;
/// It is TCP.
pub const WAY_TCP: u32 = 4;

pub use decide::act as of;

/// Jumps to the program that does what rule `slot` asks for. If there is none, the packet passes.
#[inline(always)]
pub fn hand_over(ctx: &TcContext, slot: u32, candidate: &Candidate<'_>) {
    let skb = ctx.skb.skb;
    unsafe {
        (*skb).cb[CB_SLOT] = slot;
        (*skb).cb[CB_TRANSPORT] = candidate.packet.transport;
        (*skb).cb[CB_WAY] = u32::from(candidate.outgoing) * WAY_OUT
            | u32::from(candidate.packet.ipv6) * WAY_IPV6
            | u32::from(candidate.packet.protocol == TCP) * WAY_TCP;
    }
    let program = match of(slot) {
        ACT_RESET => PROG_FORGE,
        ACT_DNS => PROG_DNS,
        ACT_GARBLE => PROG_GARBLE,
        ACT_DUPLICATE => PROG_TWIN,
        _ => return failed(slot),
    };
    let _ = unsafe { INJ_PROGS.tail_call(ctx, program) };
    failed(slot);
}

/// Rule `slot` has selected a packet to which it cannot be done.
#[inline(always)]
pub fn failed(slot: u32) {
    if let Some(slot) = Slot::get(slot) {
        unsafe { atomic::add(&raw mut (*slot.stats).failed, 1) };
    }
}
