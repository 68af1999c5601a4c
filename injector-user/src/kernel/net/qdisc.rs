//! Queueing disciplines: netem on our own ifb, clsact on the links we filter, and what waits in a queue.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::error::errno_of;
use super::filter::Side;
use super::rtnl::{Rtnl, TCA_KIND, TCA_OPTIONS, TCMSG, tcmsg};
use super::wire::{Message, Reply, u32_at, u64_at};

// linux/pkt_sched.h
pub(super) const TC_H_ROOT: u32 = 0xffff_ffff;
const TC_H_CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
/// net/pkt_sched.h: a tick of the packet scheduler is 2^6 ns on every kernel since 2.6.31; /proc/net/psched agrees.
const PSCHED_SHIFT: u32 = 6;
// linux/rtnetlink.h, linux/gen_stats.h
const TCA_STATS2: u16 = 7;
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;
const TCA_STATS_PKT64: u16 = 8;

/// What netem does to every packet. Jitter is uniform in latency ± jitter and lets packets overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Netem {
    /// Added delay.
    pub latency: Duration,
    /// Half the width of its spread.
    pub jitter: Duration,
    /// Packets held at most, at least 1; further ones are dropped and counted in [`QdiscStats::drops`].
    pub limit_packets: u32,
}

/// A queueing discipline of a link, with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QdiscStats {
    /// `netem`, `fq_codel`, `clsact` ...
    pub kind: String,
    /// TC_H of its parent: 0xffffffff for the root.
    pub parent: u32,
    /// Its own TC_H; 0 for a default qdisc.
    pub handle: u32,
    /// Packets that left it.
    pub packets: u64,
    /// Bytes that left it.
    pub bytes: u64,
    /// Packets it dropped.
    pub drops: u32,
    /// Bytes that wait in it.
    pub backlog_bytes: u32,
    /// Packets that wait in it.
    pub qlen: u32,
}

impl QdiscStats {
    /// Whether it is the link's root qdisc, whose queue length includes that of all below it.
    pub fn is_root(&self) -> bool {
        self.parent == TC_H_ROOT
    }
}

impl Rtnl {
    /// Makes netem the root qdisc of link `index`, or changes its parameters if it is that already: packets that wait
    /// then keep their time. Only for a device of our own.
    ///
    /// # Errors
    /// ENOENT if the kernel has no netem (module sch_netem), ENODEV, EPERM; a limit of 0.
    pub fn set_netem(&mut self, index: u32, netem: &Netem) -> Result<()> {
        if netem.limit_packets == 0 {
            bail!("set netem on link {index}: a limit of 0 packets would drop every one");
        }
        let mut message = netem_message(index, netem).context("set netem: a time is too long")?;
        self.socket.request(&format!("set netem on link {index} ({netem:?})"), &mut message).map(|_| ())
    }

    /// The qdiscs of link `index`; none if the link is gone.
    pub fn qdisc_stats(&mut self, index: u32) -> Result<Vec<QdiscStats>> {
        let mut message = Message::new(libc::RTM_GETQDISC, libc::NLM_F_DUMP, &tcmsg(index, 0, 0, 0));
        let replies = self.socket.dump(&format!("list qdiscs of link {index}"), &mut message)?;
        // The kernel lists those of all links, whatever it was asked.
        Ok(replies
            .iter()
            .filter(|reply| u32_at(&reply.payload, 4) == Some(index))
            .filter_map(parse)
            .collect())
    }

    /// Adds clsact to link `index`. True if it was added, false if it was there.
    ///
    /// # Errors
    /// If the older `ingress` qdisc has its place: that one has no egress side and isn't ours to replace. ENODEV, EPERM.
    pub fn ensure_clsact(&mut self, index: u32) -> Result<bool> {
        let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL | libc::NLM_F_ACK;
        let mut message = clsact(libc::RTM_NEWQDISC, flags, index);
        match self.socket.request(&format!("add clsact to link {index}"), &mut message) {
            Ok(_) => Ok(true),
            Err(error) if errno_of(&error) == Some(libc::EEXIST) => {
                let found = self.qdisc_stats(index)?.into_iter().find(|qdisc| qdisc.handle == CLSACT_HANDLE);
                match found {
                    Some(qdisc) if qdisc.kind == "clsact" => Ok(false),
                    Some(qdisc) => {
                        Err(error.context(format!("link {index} has a qdisc {} there", qdisc.kind)))
                    }
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Removes clsact from link `index` if neither side has a filter, whosever it is. True if it was removed, false if
    /// it is in use or wasn't there.
    pub fn del_clsact_if_empty(&mut self, index: u32) -> Result<bool> {
        let there = |qdisc: &QdiscStats| qdisc.handle == CLSACT_HANDLE && qdisc.kind == "clsact";
        if !self.qdisc_stats(index)?.iter().any(there) {
            return Ok(false);
        }
        if !self.filters(index, Side::Egress)?.is_empty() || !self.filters(index, Side::Ingress)?.is_empty() {
            return Ok(false);
        }
        let mut message = clsact(libc::RTM_DELQDISC, libc::NLM_F_ACK, index);
        match self.socket.request(&format!("delete clsact of link {index}"), &mut message) {
            Ok(_) => Ok(true),
            // Gone meanwhile, with its link (ENODEV) or alone (ENOENT; EINVAL: "Cannot find specified qdisc").
            Err(_) if !self.qdisc_stats(index)?.iter().any(there) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn clsact(kind: u16, flags: i32, index: u32) -> Message {
    let mut message = Message::new(kind, flags, &tcmsg(index, CLSACT_HANDLE, TC_H_CLSACT, 0));
    message.attr_str(TCA_KIND, "clsact");
    message
}

/// None if a time doesn't fit into 63 bits of nanoseconds.
fn netem_message(index: u32, netem: &Netem) -> Option<Message> {
    let latency = i64::try_from(netem.latency.as_nanos()).ok()?;
    let jitter = i64::try_from(netem.jitter.as_nanos()).ok()?;
    let ticks = |ns: i64| u32::try_from(ns >> PSCHED_SHIFT).unwrap_or(u32::MAX);
    // No handle: the kernel chooses one, and finds the qdisc again as the root.
    let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE | libc::NLM_F_ACK;
    let mut message = Message::new(libc::RTM_NEWQDISC, flags, &tcmsg(index, 0, TC_H_ROOT, 0));
    message.attr_str(TCA_KIND, "netem");
    // struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter. Its attributes follow it directly.
    let qopt = [ticks(latency), netem.limit_packets, 0, 0, 0, ticks(jitter)];
    message.nest(TCA_OPTIONS, |m| {
        m.raw(&qopt.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>());
        m.attr(TCA_NETEM_LATENCY64, &latency.to_ne_bytes());
        m.attr(TCA_NETEM_JITTER64, &jitter.to_ne_bytes());
    });
    Some(message)
}

fn parse(reply: &Reply) -> Option<QdiscStats> {
    let attrs = reply.attrs(TCMSG);
    let stats = attrs.nested(TCA_STATS2);
    let basic = stats.get(TCA_STATS_BASIC).unwrap_or_default();
    let queue = stats.get(TCA_STATS_QUEUE).unwrap_or_default();
    let packets = u32_at(basic, 8).map(u64::from);
    Some(QdiscStats {
        kind: attrs.str(TCA_KIND)?,
        handle: u32_at(&reply.payload, 8)?,
        parent: u32_at(&reply.payload, 12)?,
        // The 64-bit counter is sent only once the 32-bit one doesn't hold the value.
        packets: stats.get(TCA_STATS_PKT64).and_then(|data| u64_at(data, 0)).or(packets).unwrap_or(0),
        bytes: u64_at(basic, 0).unwrap_or(0),
        qlen: u32_at(queue, 0).unwrap_or(0),
        backlog_bytes: u32_at(queue, 4).unwrap_or(0),
        drops: u32_at(queue, 8).unwrap_or(0),
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn netem_is_ticks_and_64_bit_nanoseconds() {
        let latency = Duration::from_millis(50);
        let netem = Netem { latency, jitter: Duration::from_micros(64), limit_packets: 1234 };
        let mut message = netem_message(7, &netem).expect("fits");
        let bytes = message.bytes(1);
        assert_eq!(bytes.len(), 16 + 20 + 12 + 4 + 24 + 12 + 12);
        assert_eq!(&bytes[36..48], b"\x0a\0\x01\0netem\0\0\0");
        assert_eq!(&bytes[48..52], &[52, 0, 2, 0x80]);
        let word = |at| u32_at(bytes, at).expect("word");
        assert_eq!([52, 56, 60, 64, 68, 72].map(word), [781_250, 1234, 0, 0, 0, 1000]);
        assert_eq!(&bytes[76..80], &[12, 0, 10, 0]);
        assert_eq!(u64_at(bytes, 80), Some(50_000_000));
        assert_eq!(&bytes[88..92], &[12, 0, 11, 0]);
        assert_eq!(u64_at(bytes, 92), Some(64_000));
        assert!(netem_message(7, &Netem { latency: Duration::MAX, ..netem }).is_none());
    }
}
