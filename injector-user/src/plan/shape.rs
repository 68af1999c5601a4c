//! What a device of ours does to packets, and which way they go past it. Data only: the kernel room says it to
//! the kernel.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::Table;

/// Which way packets go past a hook of an interface, seen from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Packets that leave by the interface.
    Egress,
    /// Packets that came in by the interface.
    Ingress,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Egress => "egress",
            Self::Ingress => "ingress",
        })
    }
}

/// What a device of ours does to every packet that is sent to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Delays, corrupts, duplicates (netem).
    Netem(Netem),
    /// One token bucket for all packets together (tbf).
    Rate {
        /// In the long run, at least 1; packets are counted with their Ethernet header.
        bytes_per_second: u64,
        /// Bytes that may go at once after silence. A packet that is larger is dropped (one that the kernel can
        /// segment is segmented): at least the interface's MTU and 14.
        burst: u32,
        /// Bytes that wait at most, at least 1; packets beyond are dropped.
        queue: u32,
    },
    /// Each flow has the rate for itself (fq).
    FlowRate {
        /// In the long run, 1..=4,294,967,294 (34 Gbit/s): fq knows no more.
        bytes_per_second: u64,
        /// Packets of one flow that wait at most, at least 1; further ones are dropped.
        queue_packets: u32,
    },
}

impl Shape {
    /// Whether it lets only so much through: that it drops what is over is then the fault itself.
    pub const fn limits_rate(&self) -> bool {
        match self {
            Self::Netem(netem) => netem.rate_bytes_per_second.is_some(),
            Self::Rate { .. } | Self::FlowRate { .. } => true,
        }
    }
}

/// What netem does to every packet. The default does nothing and holds netem's own 1,000 packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netem {
    /// Added delay.
    pub latency: Duration,
    /// Scale of its spread: without a table the delay is uniform in latency +- jitter, with one it is latency +
    /// jitter x (entry / [`Table::SCALE`]). At most [`Netem::MOST_JITTER`]. What would be a negative delay is none.
    pub jitter: Duration,
    /// How much of one packet's random number is the one before's, of 2^32-1. netem takes that number's remainder by
    /// twice the jitter in ns, or by the table's size (tabledist, net/sched/sch_netem.c), so delays follow each other
    /// only without a table and with a large jitter. By that formula the autocorrelation of 90 % asked is 0.0 with a
    /// jitter of 100 ms, 0.2 with 300 ms, 0.4 with 500 ms, 0.5 with 1 s and 0.9 with 2 s; of 25 %, 0.0 up to 1 s and
    /// 0.2 with 2 s.
    pub correlation: u32,
    /// The spread's form.
    pub table: Option<Table>,
    /// No packet overtakes another, whatever the jitter: it waits for the one in front of it.
    pub in_order: bool,
    /// So many bytes a second leave at most, all packets together, at least 1; packets are counted with their Ethernet
    /// header, and one that the kernel would segment waits and goes as one. No packet overtakes another then.
    pub rate_bytes_per_second: Option<u64>,
    /// One bit of every packet is flipped, anywhere in its headers or payload; checksums aren't made right.
    pub corrupt: bool,
    /// Every packet goes twice.
    pub duplicate: bool,
    /// Packets held at most, at least 1; further ones are dropped.
    pub limit_packets: u32,
}

impl Netem {
    /// The kernel lowers a larger jitter to this in silence (netem_change, net/sched/sch_netem.c).
    pub const MOST_JITTER: Duration = Duration::from_nanos(i32::MAX as u64);
}

impl Default for Netem {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            correlation: 0,
            table: None,
            in_order: false,
            rate_bytes_per_second: None,
            corrupt: false,
            duplicate: false,
            limit_packets: 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_survives_the_journal() {
        let netem = Netem {
            latency: Duration::from_micros(1500),
            table: Some(Table::measured(&[1, 2, 3]).2),
            ..Netem::default()
        };
        let shapes = [
            Shape::Netem(netem),
            Shape::Netem(Netem { table: Some(Table::Pareto), ..Netem::default() }),
            Shape::Rate { bytes_per_second: u64::MAX, burst: 1, queue: 2 },
            Shape::FlowRate { bytes_per_second: 3, queue_packets: 4 },
        ];
        for shape in shapes {
            let text = serde_json::to_string(&shape).unwrap();
            assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), shape, "{text}");
        }
        for (side, text) in [(Side::Egress, "egress"), (Side::Ingress, "ingress")] {
            assert_eq!(side.to_string(), text);
            assert_eq!(serde_json::to_string(&side).unwrap(), format!("{text:?}"));
        }
    }
}
