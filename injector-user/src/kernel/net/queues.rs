//! What waits before the interfaces of a namespace: their root queueing disciplines, all at one look.

use std::collections::BTreeMap;

use anyhow::Result;

use super::link::Link;
use super::parse::{Attrs, Reply, u32_at};
use super::qdisc::TC_H_ROOT;
use super::rtnl::{Rtnl, TCA_KIND, TCA_OPTIONS, TCMSG, tcmsg};
use super::wire::Message;

// linux/gen_stats.h
const TCA_STATS2: u16 = 7;
const TCA_STATS_QUEUE: u16 = 3;
// linux/pkt_sched.h
const TCA_FQ_PLIMIT: u16 = 1;
const TCA_FQ_CODEL_LIMIT: u16 = 2;

/// The root qdisc of an interface. Its counters are 32 bits wide in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The interface.
    pub link: Link,
    /// `netem`, `fq_codel`, `noqueue` ...
    pub kind: String,
    /// Packets that wait in it and below it.
    pub packets: u32,
    /// Bytes that wait.
    pub bytes: u32,
    /// Packets that may wait, where the discipline says so.
    pub limit: Option<u32>,
    /// Packets it dropped.
    pub drops: u32,
    /// How often it had something and was not allowed to send it.
    pub overlimits: u32,
}

impl Rtnl {
    /// The interfaces that are up, each with its root qdisc; those without one are left out.
    ///
    /// # Errors
    /// The kernel refused to list them.
    pub fn queues(&mut self) -> Result<Vec<Queue>> {
        let links: BTreeMap<u32, Link> = self.links()?.into_iter().map(|link| (link.index, link)).collect();
        let mut message = Message::new(libc::RTM_GETQDISC, libc::NLM_F_DUMP, &tcmsg(0, 0, 0, 0));
        let replies = self.socket.dump("list qdiscs", &mut message)?;
        let roots = replies.iter().filter(|reply| u32_at(&reply.payload, 12) == Some(TC_H_ROOT));
        Ok(roots
            .filter_map(|reply| {
                let link = links.get(&u32_at(&reply.payload, 4)?).filter(|link| link.up)?;
                queue(reply, link)
            })
            .collect())
    }
}

fn queue(reply: &Reply, link: &Link) -> Option<Queue> {
    let attrs = reply.attrs(TCMSG);
    // struct gnet_stats_queue: qlen, backlog, drops, requeues, overlimits.
    let stats = attrs.nested(TCA_STATS2);
    let stats = stats.get(TCA_STATS_QUEUE)?;
    let kind = attrs.str(TCA_KIND)?;
    Some(Queue {
        limit: limit(&kind, attrs.get(TCA_OPTIONS).unwrap_or_default()),
        link: link.clone(),
        kind,
        packets: u32_at(stats, 0)?,
        bytes: u32_at(stats, 4)?,
        drops: u32_at(stats, 8)?,
        overlimits: u32_at(stats, 16)?,
    })
}

/// The most packets that may wait, where that is what the discipline is limited by.
fn limit(kind: &str, options: &[u8]) -> Option<u32> {
    match kind {
        // struct tc_fifo_qopt: limit.
        "pfifo" => u32_at(options, 0),
        // struct tc_netem_qopt: latency, limit.
        "netem" => u32_at(options, 4),
        "fq" => Attrs(options).u32(TCA_FQ_PLIMIT),
        "fq_codel" => Attrs(options).u32(TCA_FQ_CODEL_LIMIT),
        _ => None,
    }
}

/// Named as those that run in guests as well.
#[cfg(test)]
mod tests_netem {
    use super::*;
    use crate::kernel::net::testing::{RIGHT, ip, joined};
    use std::net::UdpSocket;

    #[test]
    fn limits_are_where_each_discipline_has_them() {
        let mut netem = [0; 24];
        netem[4..8].copy_from_slice(&1000_u32.to_ne_bytes());
        assert_eq!(limit("netem", &netem), Some(1000));
        assert_eq!(limit("netem", &netem[..7]), None);
        let mut fq = Message::new(1, 0, &[]);
        fq.attr_u32(TCA_FQ_PLIMIT, 100);
        fq.attr_u32(TCA_FQ_CODEL_LIMIT, 10_240);
        let options = fq.bytes(1)[16..].to_vec();
        assert_eq!((limit("fq", &options), limit("fq_codel", &options)), (Some(100), Some(10_240)));
        assert_eq!(limit("noqueue", &options), None);
    }

    #[test]
    fn what_waits_in_a_full_queue_is_seen() {
        let Some((a, _b)) = joined("what_waits_in_a_full_queue_is_seen") else { return };
        // Packets to a peer whose address is unknown would wait before the queue.
        ip(&a, "neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev left").unwrap();
        let mut rtnl = Rtnl::open(&a).unwrap();
        let left = |rtnl: &mut Rtnl| {
            rtnl.queues().unwrap().into_iter().find(|queue| queue.link.name == "left").unwrap()
        };
        // Longer than this test looks.
        if !tc(&a, "qdisc replace dev left root netem delay 30s limit 5") {
            println!("SKIP what_waits_in_a_full_queue_is_seen: needs tc and sch_netem");
            return;
        }
        let socket = a.run(|| Ok(UdpSocket::bind("0.0.0.0:0")?)).unwrap();
        for _ in 0..8 {
            // Above the limit the sender may be told (ENOBUFS).
            _ = socket.send_to(b"x", (RIGHT, 9));
        }
        let queue = left(&mut rtnl);
        assert_eq!((queue.kind.as_str(), queue.packets, queue.limit), ("netem", 5, Some(5)));
        // The interface itself may have said something (neighbour discovery).
        assert!(queue.drops >= 3 && queue.bytes >= 5 * 43, "{queue:?}");
    }

    fn tc(ns: &crate::kernel::net::Netns, args: &str) -> bool {
        let run = || Ok(std::process::Command::new("tc").args(args.split(' ')).status()?.success());
        ns.run(run).unwrap_or(false)
    }
}
