//! What the limits and others must know of every kind.

use super::FaultKind;
use crate::spec::{Direction, Draw, Percent, Span};

/// Of netem's tables: no entry is more standard deviations away than a 16-bit number of 8192ths can be
/// (net/sched/sch_netem.c, NETEM_DIST_SCALE).
const FARTHEST_DEVIATIONS: u64 = 4;

impl FaultKind {
    /// All verbs, in the order in which they are shown.
    pub const VERBS: [&'static str; 13] = [
        "drop",
        "delay",
        "corrupt",
        "garble",
        "duplicate",
        "reorder",
        "rate",
        "partition",
        "blackhole",
        "reset",
        "refuse",
        "dns",
        "fail",
    ];

    /// How much later reordered packets leave, unless it is said.
    pub const REORDER_BY: Span = Span::from_millis(10);

    /// `drop`, `delay`, ...: the CLI's verb and JSON's `kind`.
    pub const fn verb(&self) -> &'static str {
        match self {
            FaultKind::Drop { .. } => "drop",
            FaultKind::Delay { .. } => "delay",
            FaultKind::Corrupt { .. } => "corrupt",
            FaultKind::Garble { .. } => "garble",
            FaultKind::Duplicate { .. } => "duplicate",
            FaultKind::Reorder { .. } => "reorder",
            FaultKind::Rate { .. } => "rate",
            FaultKind::Partition { .. } => "partition",
            FaultKind::Blackhole { .. } => "blackhole",
            FaultKind::Reset { .. } => "reset",
            FaultKind::Refuse { .. } => "refuse",
            FaultKind::Dns { .. } => "dns",
            FaultKind::Fail { .. } => "fail",
        }
    }

    /// Whether it acts on packets (else: on system calls).
    pub const fn is_network(&self) -> bool {
        !matches!(self, FaultKind::Fail { .. })
    }

    /// Whether it acts on TCP only.
    pub const fn is_tcp(&self) -> bool {
        matches!(self, FaultKind::Blackhole { .. } | FaultKind::Reset { .. } | FaultKind::Refuse { .. })
    }

    /// Which of the matching packets; `None`: all, or those that a rate does not let through.
    pub const fn draw(&self) -> Option<Draw> {
        match self {
            FaultKind::Drop { draw, .. }
            | FaultKind::Corrupt { draw, .. }
            | FaultKind::Garble { draw, .. }
            | FaultKind::Duplicate { draw, .. }
            | FaultKind::Reorder { draw, .. }
            | FaultKind::Reset { draw, .. }
            | FaultKind::Dns { draw, .. }
            | FaultKind::Fail { draw, .. } => Some(*draw),
            FaultKind::Delay { draw, .. } | FaultKind::Refuse { draw, .. } => *draw,
            FaultKind::Rate { .. } | FaultKind::Partition { .. } | FaultKind::Blackhole { .. } => None,
        }
    }

    /// The share of packets or calls in the long run, for the limits; `None` for what takes none but holds all: a
    /// rate, and a delay of everything.
    pub fn percent(&self) -> Option<Percent> {
        match self {
            FaultKind::Partition { .. }
            | FaultKind::Blackhole { .. }
            | FaultKind::Refuse { above: Some(_), .. } => Some(Percent::ALL),
            other => other.draw().map(|draw| draw.share()),
        }
    }

    /// Whether it takes all that matches while it lasts, with no share that could be smaller.
    pub const fn takes_all(&self) -> bool {
        match self {
            FaultKind::Partition { .. } | FaultKind::Blackhole { .. } => true,
            FaultKind::Refuse { above: Some(_), .. } => true,
            other => matches!(other.draw(), Some(Draw::First(_) | Draw::After(_) | Draw::PerSecond(_))),
        }
    }

    /// The probability of each packet or call by itself, which a ramp can raise; `None` if there is none. A delay's is
    /// not raised.
    pub fn chance(&self) -> Option<Percent> {
        match self {
            FaultKind::Delay { .. } => None,
            other => other.draw().and_then(|draw| draw.chance()),
        }
    }

    /// Whose packets. Questions for names are what the target sends; system calls are nobody's packets, and are given
    /// the default.
    pub const fn direction(&self) -> Direction {
        match self {
            FaultKind::Drop { direction, .. }
            | FaultKind::Delay { direction, .. }
            | FaultKind::Corrupt { direction, .. }
            | FaultKind::Garble { direction, .. }
            | FaultKind::Duplicate { direction, .. }
            | FaultKind::Reorder { direction, .. }
            | FaultKind::Rate { direction, .. }
            | FaultKind::Partition { direction }
            | FaultKind::Blackhole { direction }
            | FaultKind::Reset { direction, .. }
            | FaultKind::Refuse { direction, .. } => *direction,
            FaultKind::Dns { .. } | FaultKind::Fail { .. } => Direction::Egress,
        }
    }

    /// The longest that one packet can be held, with what waits for a rate; `None` if it holds none. `loopback`: lo may
    /// be among the interfaces. What is counted in packets (a delay's rate, a rate per flow) is taken for full ones.
    pub fn longest_delay(&self, loopback: bool) -> Option<Span> {
        match self {
            FaultKind::Delay { by, jitter, distribution, rate, .. } => {
                let jitter = jitter.map_or(0, Span::as_micros);
                let farthest = if distribution.is_uniform() { 1 } else { FARTHEST_DEVIATIONS };
                let late = by.plus(Span::from_micros(jitter.saturating_mul(farthest)));
                Some(rate.map_or(late, |rate| late.plus(rate.time_of(rate.usual_queue()))))
            }
            FaultKind::Reorder { by, .. } => Some(*by),
            FaultKind::Dns { by, .. } => *by,
            FaultKind::Rate { rate, .. } => self.queue(loopback).map(|queue| rate.time_of(queue)),
            _ => None,
        }
    }
}
