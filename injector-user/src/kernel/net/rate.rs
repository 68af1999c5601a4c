//! The options of the two qdiscs that limit rates: tbf for all packets together, fq for each flow.

use super::shape::{ticks, words};
use super::wire::Message;

// linux/pkt_sched.h
const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;
const TCA_TBF_BURST: u16 = 6;
/// With a link layer named, the kernel computes from the rate and wants no table of times (tbf_change, sch_tbf.c).
const TC_LINKLAYER_ETHERNET: u8 = 1;
const TCA_FQ_PLIMIT: u16 = 1;
const TCA_FQ_FLOW_PLIMIT: u16 = 2;
const TCA_FQ_RATE_ENABLE: u16 = 5;
const TCA_FQ_FLOW_MAX_RATE: u16 = 7;
const TCA_FQ_ORPHAN_MASK: u16 = 10;
/// The most that fq can be told, in bytes a second: 2^32-1 means "no limit".
pub(super) const MOST_PER_FLOW: u64 = u32::MAX as u64 - 1;
/// Packets of all flows, unless one alone may have more: fq's own default.
const ALL_FLOWS: u32 = 10_000;
/// A packet from a mirred action has lost its socket, so fq goes by its flow's hash: of it, so many bits. fq's own 10
/// let one in a thousand pairs of flows share a rate.
const FLOW_HASH: u32 = 0xf_ffff;

/// Writes TCA_OPTIONS of tbf: bytes a second, bytes at once, bytes waiting.
pub(super) fn tbf(message: &mut Message, rate: u64, burst: u32, queue: u32) {
    let small = u32::try_from(rate).unwrap_or(u32::MAX);
    let burst_ns = u128::from(burst) * 1_000_000_000 / u128::from(rate.max(1));
    // struct tc_ratespec: cell_log, linklayer (a byte each), overhead; cell_align, mpu; rate.
    let layer = [0, TC_LINKLAYER_ETHERNET, 0, 0];
    // struct tc_tbf_qopt: rate, peakrate (none, but its link layer is looked at too), limit, buffer, mtu.
    let none = [&layer[..], &words(&[0, 0])].concat();
    let rated = [&layer[..], &words(&[0, small])].concat();
    message.attr(TCA_TBF_PARMS, &[rated, none, words(&[queue, ticks(burst_ns), 0])].concat());
    if rate > u64::from(u32::MAX) {
        message.attr(TCA_TBF_RATE64, &rate.to_ne_bytes());
    }
    // In bytes, so that nothing is lost to the ticks of `buffer`.
    message.attr_u32(TCA_TBF_BURST, burst);
}

/// Writes TCA_OPTIONS of fq: bytes a second and packets waiting, of each flow.
pub(super) fn fq(message: &mut Message, rate: u64, queue: u32) {
    message.attr_u32(TCA_FQ_PLIMIT, queue.max(ALL_FLOWS));
    message.attr_u32(TCA_FQ_FLOW_PLIMIT, queue);
    message.attr_u32(TCA_FQ_RATE_ENABLE, 1);
    message.attr_u32(TCA_FQ_FLOW_MAX_RATE, u32::try_from(rate).unwrap_or(u32::MAX));
    message.attr_u32(TCA_FQ_ORPHAN_MASK, FLOW_HASH);
}
