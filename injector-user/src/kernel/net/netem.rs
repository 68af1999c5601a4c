//! netem's options: delay, rate, corruption and duplication.

use super::shape::{ticks, words};
use super::wire::Message;
use crate::plan::Netem;

// linux/pkt_sched.h
const TCA_NETEM_CORR: u16 = 1;
const TCA_NETEM_DELAY_DIST: u16 = 2;
const TCA_NETEM_CORRUPT: u16 = 4;
const TCA_NETEM_RATE: u16 = 6;
const TCA_NETEM_RATE64: u16 = 8;
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
/// A probability: netem's random number of 32 bits is never above it.
const ALWAYS: u32 = u32::MAX;
/// Bytes a second at which even a packet of 512 KiB (the largest GSO packet) takes 0 ns, the division being of whole
/// numbers; in bits it still fits into 64.
const AT_ONCE: u64 = 1_000_000_000_000_000_000;

/// Writes TCA_OPTIONS of a netem that passed the check. Everything is said, for what is not said stays as it was.
pub(super) fn options(message: &mut Message, netem: &Netem) {
    let (latency, jitter) = (netem.latency.as_nanos(), netem.jitter.as_nanos());
    let duplicate = if netem.duplicate { ALWAYS } else { 0 };
    // struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter. The attributes follow it directly.
    message.raw(&words(&[ticks(latency), netem.limit_packets, 0, 0, duplicate, ticks(jitter)]));
    message.attr(TCA_NETEM_LATENCY64, &(latency as i64).to_ne_bytes());
    message.attr(TCA_NETEM_JITTER64, &(jitter as i64).to_ne_bytes());
    // struct tc_netem_corr: of delay, loss, duplication.
    message.attr(TCA_NETEM_CORR, &words(&[netem.correlation, 0, 0]));
    // struct tc_netem_corrupt: probability, correlation.
    message.attr(TCA_NETEM_CORRUPT, &words(&[if netem.corrupt { ALWAYS } else { 0 }, 0]));
    // With a rate, a packet leaves no earlier than the one in front of it (netem_enqueue, net/sched/sch_netem.c): who
    // asks for a rate gets the order with it, who asks for the order a rate that is none.
    // struct tc_netem_rate: rate, packet_overhead, cell_size, cell_overhead. The larger of both rates counts.
    message.attr(TCA_NETEM_RATE, &words(&[0; 4]));
    if let Some(rate) = netem.rate_bytes_per_second.or(netem.in_order.then_some(AT_ONCE)) {
        message.attr(TCA_NETEM_RATE64, &rate.to_ne_bytes());
    }
    if let Some(table) = &netem.table {
        let entries: Vec<u8> = table.entries().iter().flat_map(|entry| entry.to_ne_bytes()).collect();
        message.attr(TCA_NETEM_DELAY_DIST, &entries);
    }
}
