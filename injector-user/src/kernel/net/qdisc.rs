//! The queueing disciplines of a link, and what waits in them.

use anyhow::Result;

use super::parse::{Reply, u32_at, u64_at};
use super::rtnl::{Rtnl, TCA_KIND, TCMSG, tcmsg};
use super::wire::Message;

// linux/pkt_sched.h
pub(super) const TC_H_ROOT: u32 = 0xffff_ffff;
// linux/rtnetlink.h, linux/gen_stats.h
const TCA_STATS2: u16 = 7;
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;
const TCA_STATS_PKT64: u16 = 8;

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
