//! netem, the qdisc that delays, on our own devices.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::qdisc::TC_H_ROOT;
use super::rtnl::{Rtnl, TCA_KIND, TCA_OPTIONS, tcmsg};
use super::wire::Message;

// linux/pkt_sched.h
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
/// net/pkt_sched.h: a tick of the packet scheduler is 2^6 ns on every kernel since 2.6.31; /proc/net/psched agrees.
const PSCHED_SHIFT: u32 = 6;

/// What netem does to every packet. Jitter is uniform in latency ± jitter and lets packets overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Netem {
    /// Added delay.
    pub latency: Duration,
    /// Half the width of its spread.
    pub jitter: Duration,
    /// Packets held at most, at least 1; further ones are dropped and counted in [`super::QdiscStats::drops`].
    pub limit_packets: u32,
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

#[cfg(test)]
mod unit {
    use super::super::parse::{u32_at, u64_at};
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
