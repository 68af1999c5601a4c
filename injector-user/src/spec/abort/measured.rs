//! What abort conditions are judged by.

use super::{AbortCondition, Group, Quantile, Resource};
use crate::spec::{Percent, Span};

/// Fewer RTT samples than this say nothing of a quantile.
pub const LEAST_SAMPLES: u64 = 20;
/// Fewer segments than this say nothing of a share.
pub const LEAST_SEGMENTS: u64 = 50;

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
}
