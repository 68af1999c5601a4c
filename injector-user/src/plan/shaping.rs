//! What a device of ours must do for a fault, and how much it may hold.

use std::time::Duration;

use super::{Netem, Shape, Table};
use crate::{
    error::Error,
    spec::{Bandwidth, Bytes, Distribution, FaultKind, Percent, Span},
};

/// What a packet of 1,500 bytes occupies in the kernel (`skb->truesize`).
const TRUESIZE: u64 = 2304;
/// So many packets a second are assumed of a target when a delay's queue is judged.
const ASSUMED: f64 = 10_000.0;
/// Room is made for so many, if memory allows it. netem's own default of 1,000 packets loses packets above 12,000 a
/// second at 80 ms.
const ROOM: f64 = 50_000.0;
/// Fewer are never allowed for.
const LEAST: u64 = 1_000;
/// A full packet with its Ethernet header, in bytes.
const FULL: u64 = 1514;
/// fq knows no higher rate (net/sched/sch_fq.c: 32 bits).
const FASTEST_FLOW: u64 = u32::MAX as u64 - 1;

/// How much may be held.
pub(super) struct Room {
    /// Bytes of kernel memory for each device, by the limits.
    pub memory: u64,
    /// lo is among the interfaces.
    pub loopback: bool,
}

/// None: the fault needs no device.
pub(super) fn shape(fault: &FaultKind, room: &Room) -> Result<Option<Shape>, Error> {
    let netem = |by: Span, netem: Netem| -> Result<Option<Shape>, Error> {
        let longest = fault.longest_delay(room.loopback).unwrap_or(by).duration();
        let limit_packets = packets(longest, netem.rate_bytes_per_second, room)?;
        Ok(Some(Shape::Netem(Netem { limit_packets, ..netem })))
    };
    match fault {
        FaultKind::Delay { by, jitter, correlation, distribution, in_order, rate, .. } => {
            let delay = delay(*by, *jitter, *correlation, distribution, *in_order)?;
            netem(*by, Netem { rate_bytes_per_second: rate.map(Bandwidth::bytes_per_second), ..delay })
        }
        FaultKind::Reorder { by, .. } | FaultKind::Dns { by: Some(by), .. } => {
            netem(*by, Netem { latency: by.duration(), ..Netem::default() })
        }
        FaultKind::Corrupt { .. } => netem(Span::from_micros(0), Netem { corrupt: true, ..Netem::default() }),
        FaultKind::Rate { rate, burst, per_flow, .. } => {
            let queue = fault.queue(room.loopback).unwrap_or_default();
            bucket(*rate, *burst, queue, *per_flow, room).map(Some)
        }
        _ => Ok(None),
    }
}

fn delay(
    by: Span,
    jitter: Option<Span>,
    correlation: Option<Percent>,
    distribution: &Distribution,
    in_order: bool,
) -> Result<Netem, Error> {
    let mut netem = Netem {
        latency: by.duration(),
        jitter: jitter.map(Span::duration).unwrap_or_default(),
        correlation: correlation
            .map_or(0, |share| u32::try_from(share.threshold().saturating_sub(1)).unwrap_or(u32::MAX)),
        in_order,
        ..Netem::default()
    };
    netem.table = match distribution {
        Distribution::Uniform => None,
        Distribution::Normal => Some(Table::Normal),
        Distribution::Pareto => Some(Table::Pareto),
        Distribution::Paretonormal => Some(Table::Paretonormal),
        Distribution::Table(samples) => {
            let (_, deviation, table) = Table::measured(samples.micros());
            // Unless it was said how wide: then the samples give the form only.
            if jitter.is_none() {
                netem.jitter = deviation;
            }
            Some(table)
        }
    };
    if netem.jitter > Netem::MOST_JITTER {
        return Err(Error::usage(format!("the jitter {:?} is more than the kernel knows", netem.jitter))
            .hint("at most 2147ms"));
    }
    Ok(netem)
}

/// How many packets a device may hold for so long; with a rate in bytes a second no more than it carries in that time,
/// or the queue would grow to minutes.
fn packets(longest: Duration, rate: Option<u64>, room: &Room) -> Result<u32, Error> {
    let carried = rate.map(|rate| rate as f64 / FULL as f64);
    let needed = (longest.as_secs_f64() * carried.unwrap_or(ASSUMED).min(ASSUMED)) as u64 * TRUESIZE;
    if needed > room.memory {
        return Err(too_much(
            &format!("a delay of up to {longest:?}"),
            needed,
            room.memory,
            "a shorter delay",
        ));
    }
    let wanted = (longest.as_secs_f64() * carried.unwrap_or(ROOM)).ceil() as u64;
    let least = if rate.is_some() { 1 } else { LEAST };
    let most = (room.memory / TRUESIZE).max(LEAST);
    Ok(u32::try_from(wanted.clamp(least, most)).unwrap_or(u32::MAX))
}

fn bucket(
    rate: Bandwidth,
    burst: Option<Bytes>,
    queue: u64,
    per_flow: bool,
    room: &Room,
) -> Result<Shape, Error> {
    let bytes_per_second = rate.bytes_per_second();
    let least = FaultKind::largest_packet(room.loopback);
    let burst = match burst {
        Some(burst) if burst.get() < least => {
            return Err(Error::usage(format!("a burst of {burst} is less than a packet can have"))
                .hint(format!("at least {least}B on these interfaces")));
        }
        Some(burst) => burst.get(),
        // 10 ms: less is not kept by a kernel that ticks 250 times a second.
        None => (bytes_per_second / 100).max(least),
    };
    if queue < least && !per_flow {
        return Err(Error::usage(format!("a packet that is larger than the queue of {queue}B never passes"))
            .hint(format!("at least {least}B on these interfaces")));
    }
    if queue > room.memory {
        return Err(too_much("the queue", queue, room.memory, "a shorter queue"));
    }
    let word = |value: u64, what: &str| {
        u32::try_from(value).map_err(|_| {
            Error::usage(format!("a {what} of {value} bytes is more than the kernel knows"))
                .hint("below 4GiB")
        })
    };
    if per_flow {
        if bytes_per_second > FASTEST_FLOW {
            return Err(Error::usage(format!("{rate} is more than the kernel knows for a flow"))
                .hint("at most 34gbit; without per_flow more is possible"));
        }
        let queue_packets = u32::try_from((queue / FULL).max(1)).unwrap_or(u32::MAX);
        return Ok(Shape::FlowRate { bytes_per_second, queue_packets });
    }
    Ok(Shape::Rate { bytes_per_second, burst: word(burst, "burst")?, queue: word(queue, "queue")? })
}

fn too_much(what: &str, needed: u64, allowed: u64, instead: &str) -> Error {
    Error::refused(format!("{what} could hold {needed} bytes of kernel memory"))
        .hint(format!("delay_memory allows {allowed} bytes: ask for {instead}"))
}

#[cfg(test)]
mod tests;
