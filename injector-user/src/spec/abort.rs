//! `target.rtt_p99>250ms`: when a fault ends before its time.

mod measured;

#[cfg(test)]
mod tests;

use super::{Percent, Span, as_text};
use crate::error::Error;
use std::{fmt, str::FromStr};

pub use measured::{GroupMeasured, Measured};

/// Whose connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Those that the fault is for.
    Target,
    /// Those that it must not touch.
    Control,
}

/// Which quantile of the round-trip times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantile {
    /// The median.
    P50,
    /// 90 %.
    P90,
    /// 99 %.
    P99,
}

/// Of which resource the node runs short: its `some avg10` in /proc/pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// /proc/pressure/cpu.
    Cpu,
    /// /proc/pressure/memory.
    Memory,
    /// /proc/pressure/io.
    Io,
}

/// One condition; a fault ends when it comes true. Written as `GROUP.SIGNAL>VALUE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbortCondition {
    /// `target.rtt_p99>250ms`: the round-trip time of a group's connections.
    Rtt {
        /// Whose.
        group: Group,
        /// Which quantile.
        quantile: Quantile,
        /// True above this.
        above: Span,
    },
    /// `control.retransmits>5%`: the share of a group's segments that were sent again.
    Retransmits {
        /// Whose.
        group: Group,
        /// True above this.
        above: Percent,
    },
    /// `node.memory_pressure>20%`: the share of time in which some task waited, over the last 10 s.
    Pressure {
        /// For what they waited.
        resource: Resource,
        /// True above this.
        above: Percent,
    },
}

impl AbortCondition {
    /// The part before `>`.
    fn signal(&self) -> String {
        let name = |group| match group {
            Group::Target => "target",
            Group::Control => "control",
        };
        match *self {
            AbortCondition::Rtt { group, quantile, .. } => {
                let quantile = match quantile {
                    Quantile::P50 => "p50",
                    Quantile::P90 => "p90",
                    Quantile::P99 => "p99",
                };
                format!("{}.rtt_{quantile}", name(group))
            }
            AbortCondition::Retransmits { group, .. } => format!("{}.retransmits", name(group)),
            AbortCondition::Pressure { resource, .. } => {
                let resource = match resource {
                    Resource::Cpu => "cpu",
                    Resource::Memory => "memory",
                    Resource::Io => "io",
                };
                format!("node.{resource}_pressure")
            }
        }
    }

    fn above(&self) -> String {
        match self {
            AbortCondition::Rtt { above, .. } => above.to_string(),
            AbortCondition::Retransmits { above, .. } | AbortCondition::Pressure { above, .. } => {
                above.to_string()
            }
        }
    }
}

impl FromStr for AbortCondition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::usage(format!("`{}` is not an abort condition", text.escape_debug())).hint(
                "write target or control with rtt_p50, rtt_p90, rtt_p99 or retransmits, or node with cpu_pressure, \
                 memory_pressure or io_pressure: target.rtt_p99>250ms, control.retransmits>5%, \
                 node.memory_pressure>20%",
            )
        };
        let (signal, value) = text.split_once('>').ok_or_else(wrong)?;
        let (group, signal) = signal.trim().split_once('.').ok_or_else(wrong)?;
        let pressure = |resource| Ok(AbortCondition::Pressure { resource, above: value.trim().parse()? });
        let group = match (group, signal) {
            ("node", "cpu_pressure") => return pressure(Resource::Cpu),
            ("node", "memory_pressure") => return pressure(Resource::Memory),
            ("node", "io_pressure") => return pressure(Resource::Io),
            ("target", _) => Group::Target,
            ("control", _) => Group::Control,
            _ => return Err(wrong()),
        };
        let rtt = |quantile| Ok(AbortCondition::Rtt { group, quantile, above: value.trim().parse()? });
        match signal {
            "rtt_p50" => rtt(Quantile::P50),
            "rtt_p90" => rtt(Quantile::P90),
            "rtt_p99" => rtt(Quantile::P99),
            "retransmits" => Ok(AbortCondition::Retransmits { group, above: value.trim().parse()? }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for AbortCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>{}", self.signal(), self.above())
    }
}

as_text!(AbortCondition, "an abort condition such as \"target.rtt_p99>250ms\"");
