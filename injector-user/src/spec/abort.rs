//! `target.rtt_p99>250ms`: when a fault ends before its time.

use super::{Percent, Span, as_text};
use crate::error::Error;
use std::{fmt, str::FromStr};

/// Fewer RTT samples than this say nothing of a quantile.
pub const LEAST_SAMPLES: u64 = 20;
/// Fewer segments than this say nothing of a share.
pub const LEAST_SEGMENTS: u64 = 50;

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

/// What was measured of one group while the fault was armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupMeasured {
    /// RTT samples that the quantiles are of.
    pub samples: u64,
    /// Median in microseconds.
    pub rtt_p50: Option<u64>,
    /// 90 % quantile in microseconds.
    pub rtt_p90: Option<u64>,
    /// 99 % quantile in microseconds.
    pub rtt_p99: Option<u64>,
    /// Segments sent, those sent again included.
    pub segments: u64,
    /// Segments sent again.
    pub retransmits: u64,
}

/// What an [`AbortCondition`] is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// The target's connections.
    pub target: GroupMeasured,
    /// The control group's.
    pub control: GroupMeasured,
    /// `some avg10` of /proc/pressure/cpu, in percent; `None` if it is not known.
    pub cpu_pressure: Option<f64>,
    /// The same of memory.
    pub memory_pressure: Option<f64>,
    /// The same of io.
    pub io_pressure: Option<f64>,
}

impl Measured {
    fn group(&self, group: Group) -> &GroupMeasured {
        match group {
            Group::Target => &self.target,
            Group::Control => &self.control,
        }
    }
}

impl AbortCondition {
    /// What was measured against what, if the condition is true: `target.rtt_p99 is 312ms, more than 250ms`.
    ///
    /// `None`: it is not, or not known. A group with fewer than [`LEAST_SAMPLES`] samples (RTT) or
    /// [`LEAST_SEGMENTS`] segments (retransmits) is not judged.
    pub fn is_true(&self, measured: &Measured) -> Option<String> {
        let signal = self.signal();
        match *self {
            AbortCondition::Rtt { group, quantile, above } => {
                let group = measured.group(group);
                let rtt = match quantile {
                    Quantile::P50 => group.rtt_p50,
                    Quantile::P90 => group.rtt_p90,
                    Quantile::P99 => group.rtt_p99,
                }?;
                (group.samples >= LEAST_SAMPLES && rtt > above.as_micros())
                    .then(|| format!("{signal} is {}, more than {above}", Span::from_micros(rtt)))
            }
            AbortCondition::Retransmits { group, above } => {
                let GroupMeasured { segments, retransmits, .. } = *measured.group(group);
                let all = u128::from(Percent::ALL.units());
                let over = u128::from(retransmits) * all > u128::from(segments) * u128::from(above.units());
                (segments >= LEAST_SEGMENTS && over).then(|| {
                    let share = retransmits as f64 * 100.0 / segments as f64;
                    format!("{signal} is {share:.2}% ({retransmits} of {segments}), more than {above}")
                })
            }
            AbortCondition::Pressure { resource, above } => {
                let pressure = match resource {
                    Resource::Cpu => measured.cpu_pressure,
                    Resource::Memory => measured.memory_pressure,
                    Resource::Io => measured.io_pressure,
                }?;
                (pressure > above.as_f64()).then(|| format!("{signal} is {pressure:.2}%, more than {above}"))
            }
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(condition: &str, measured: &Measured) -> Option<String> {
        condition.parse::<AbortCondition>().unwrap().is_true(measured)
    }

    #[test]
    fn says_what_was_measured_against_what() {
        let group = GroupMeasured {
            samples: 20,
            rtt_p50: Some(1_000),
            rtt_p90: Some(250_000),
            rtt_p99: Some(250_001),
            segments: 50,
            retransmits: 3,
        };
        let m = Measured { target: group, memory_pressure: Some(20.5), ..Measured::default() };
        let said = |condition| judge(condition, &m);
        assert_eq!(said("target.rtt_p99>250ms").unwrap(), "target.rtt_p99 is 250ms1us, more than 250ms");
        assert_eq!(said("target.rtt_p90>250ms"), None, "at the limit is not over it");
        assert_eq!(said("target.rtt_p50>1ms"), None);
        assert_eq!(
            said("target.retransmits>5.9%").unwrap(),
            "target.retransmits is 6.00% (3 of 50), more than 5.9%"
        );
        assert_eq!(said("target.retransmits>6%"), None);
        assert_eq!(
            said("node.memory_pressure > 20%").unwrap(),
            "node.memory_pressure is 20.50%, more than 20%"
        );
        assert_eq!(said("node.memory_pressure>20.5%"), None);
        assert_eq!(said("node.io_pressure>1%"), None, "not known");
        assert_eq!(said("control.rtt_p99>1us"), None, "of the other group nothing was measured");
    }

    #[test]
    fn too_little_is_not_judged() {
        let group = GroupMeasured {
            samples: LEAST_SAMPLES - 1,
            rtt_p99: Some(u64::MAX),
            segments: LEAST_SEGMENTS - 1,
            retransmits: LEAST_SEGMENTS - 1,
            ..GroupMeasured::default()
        };
        let m = Measured { control: group, ..Measured::default() };
        assert_eq!(judge("control.rtt_p99>1us", &m), None);
        assert_eq!(judge("control.retransmits>1%", &m), None);
    }

    #[test]
    fn reads_back_and_says_what_is_wrong() {
        for text in [
            "target.rtt_p50>80ms",
            "control.rtt_p90>1s500ms",
            "target.retransmits>0.5%",
            "node.cpu_pressure>50%",
        ] {
            assert_eq!(text.parse::<AbortCondition>().unwrap().to_string(), text);
        }
        for (text, word) in [
            ("target.rtt_p99<1ms", "not an abort condition"),
            ("target.rtt_p98>1ms", "not an abort condition"),
            ("node.rtt_p99>1ms", "not an abort condition"),
            ("target.cpu_pressure>5%", "not an abort condition"),
            ("target.rtt_p99>250", "no unit"),
            ("target.retransmits>0", "would never act"),
            ("node.io_pressure>20ms", "not a percent"),
        ] {
            let error = text.parse::<AbortCondition>().unwrap_err();
            assert!(error.message.contains(word) && error.hint.is_some(), "{text}: {error}");
        }
    }
}
