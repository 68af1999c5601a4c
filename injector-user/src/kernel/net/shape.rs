//! The qdisc of a device of ours: what a shape of the plan is to the kernel.

use anyhow::{Context, Result, bail};

use super::netem;
use super::qdisc::TC_H_ROOT;
use super::rate;
use super::rtnl::{Rtnl, TCA_KIND, TCA_OPTIONS, tcmsg};
use super::wire::Message;
use crate::plan::{Netem, Shape, Table};

/// net/pkt_sched.h: a tick of the packet scheduler is 2^6 ns on every kernel since 2.6.31; /proc/net/psched agrees.
const PSCHED_SHIFT: u32 = 6;

impl Rtnl {
    /// Gives link `index` a root qdisc of this shape. If it has one of the same kind, that one's parameters are changed:
    /// packets that wait then keep their time. But a delay table can be changed and not taken away again: the kernel
    /// has no word for that. Only for a device of our own.
    ///
    /// # Errors
    /// A value that the kernel would refuse, cut, or take for "lose everything" (before anything is asked of it);
    /// ENOENT if it lacks the qdisc (module sch_netem, sch_tbf, sch_fq), ENODEV, EPERM.
    pub fn set_shape(&mut self, index: u32, shape: &Shape) -> Result<()> {
        let asked = format!("set {} on link {index}", kind(shape));
        check(shape).with_context(|| asked.clone())?;
        self.socket.request(&asked, &mut shape_message(index, shape)).map(|_| ())
    }
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Netem(_) => "netem",
        Shape::Rate { .. } => "tbf",
        Shape::FlowRate { .. } => "fq",
    }
}

/// Refuses what the kernel would change in silence.
fn check(shape: &Shape) -> Result<()> {
    match shape {
        Shape::Netem(netem) => check_netem(netem),
        Shape::Rate { bytes_per_second: 0, .. } | Shape::FlowRate { bytes_per_second: 0, .. } => {
            bail!("a rate of 0 would hold every packet for ever")
        }
        Shape::Rate { burst: 0, .. } => bail!("a burst of 0 bytes would drop every packet"),
        Shape::Rate { queue: 0, .. } | Shape::FlowRate { queue_packets: 0, .. } => {
            bail!("a queue of 0 would drop every packet")
        }
        Shape::FlowRate { bytes_per_second, .. } if *bytes_per_second > rate::MOST_PER_FLOW => {
            bail!("{bytes_per_second} bytes/s for each flow: fq knows at most {}", rate::MOST_PER_FLOW)
        }
        _ => Ok(()),
    }
}

fn check_netem(netem: &Netem) -> Result<()> {
    if netem.limit_packets == 0 {
        bail!("a limit of 0 packets would drop every one");
    }
    if netem.rate_bytes_per_second == Some(0) {
        bail!("a rate of 0 would be none to netem");
    }
    if netem.jitter > Netem::MOST_JITTER {
        bail!("a jitter of {:?}: the kernel lowers it to {:?}", netem.jitter, Netem::MOST_JITTER);
    }
    if i64::try_from(netem.latency.as_nanos()).is_err() {
        bail!("a latency of {:?} is too long", netem.latency);
    }
    match &netem.table {
        Some(Table::Measured(entries)) if !(1..=Table::MOST_ENTRIES).contains(&entries.len()) => {
            bail!("a table of {} entries: the kernel takes 1 to {}", entries.len(), Table::MOST_ENTRIES)
        }
        _ => Ok(()),
    }
}

fn shape_message(index: u32, shape: &Shape) -> Message {
    // No handle: the kernel chooses one, and finds the qdisc again as the root.
    let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE | libc::NLM_F_ACK;
    let mut message = Message::new(libc::RTM_NEWQDISC, flags, &tcmsg(index, 0, TC_H_ROOT, 0));
    message.attr_str(TCA_KIND, kind(shape));
    message.nest(TCA_OPTIONS, |m| match shape {
        Shape::Netem(netem) => netem::options(m, netem),
        Shape::Rate { bytes_per_second, burst, queue } => rate::tbf(m, *bytes_per_second, *burst, *queue),
        Shape::FlowRate { bytes_per_second, queue_packets } => rate::fq(m, *bytes_per_second, *queue_packets),
    });
    message
}

/// Nanoseconds as ticks, the longest where they don't fit.
pub(super) fn ticks(nanoseconds: u128) -> u32 {
    u32::try_from(nanoseconds >> PSCHED_SHIFT).unwrap_or(u32::MAX)
}

/// Numbers one behind the other, as in the structures that attributes hold.
pub(super) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

#[cfg(test)]
mod unit;
