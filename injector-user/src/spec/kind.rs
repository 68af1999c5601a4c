//! What goes wrong.

mod facts;
mod waiting;

use super::{
    Bandwidth, Bytes, CallMatch, Count, Direction, Distribution, DnsAnswer, DnsPattern, Draw, PathPattern,
    Percent, Returns, Rung, Span, SyscallName, list,
};
use serde::Serialize;
use std::ops::Not;

/// What goes wrong, and how often or how much. In JSON its fields stand beside `"kind": "drop"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FaultKind {
    /// Packets are lost.
    Drop {
        /// Which of the matching packets.
        #[serde(flatten)]
        draw: Draw,
        /// Whose packets; egress by default.
        direction: Direction,
        /// The sender is told: its call returns EPERM. Egress only.
        #[serde(skip_serializing_if = "Not::not")]
        local_error: bool,
    },
    /// Packets leave later.
    Delay {
        /// How much later in the mean; more than 0.
        by: Span,
        /// How much a packet's delay differs from `by`: at most so much (uniform), or the standard deviation.
        #[serde(skip_serializing_if = "Option::is_none")]
        jitter: Option<Span>,
        /// How much a packet's delay is like the one before; not for measured latencies.
        #[serde(skip_serializing_if = "Option::is_none")]
        correlation: Option<Percent>,
        /// How delays vary.
        #[serde(skip_serializing_if = "Distribution::is_uniform")]
        distribution: Distribution,
        /// No packet overtakes another: with jitter, who waits holds up those behind.
        #[serde(skip_serializing_if = "Not::not")]
        in_order: bool,
        /// No more than so much in a second besides: what is over waits behind. None overtakes another then.
        #[serde(skip_serializing_if = "Option::is_none")]
        rate: Option<Bandwidth>,
        /// Which of the matching packets; all if it is `None`.
        #[serde(flatten)]
        draw: Option<Draw>,
        /// Whose packets; egress by default.
        direction: Direction,
    },
    /// One bit of a packet is wrong on the wire: its receiver's checksum finds it.
    Corrupt {
        /// Which of the matching packets.
        #[serde(flatten)]
        draw: Draw,
        /// Whose packets; egress by default.
        direction: Direction,
    },
    /// A packet's payload is wrong and its checksum right: only the program can find it.
    Garble {
        /// Which of the matching packets.
        #[serde(flatten)]
        draw: Draw,
        /// Whose packets; egress by default.
        direction: Direction,
    },
    /// Packets come twice.
    Duplicate {
        /// Which of the matching packets.
        #[serde(flatten)]
        draw: Draw,
        /// Whose packets; egress by default.
        direction: Direction,
    },
    /// The drawn packets leave later, and those behind overtake them.
    Reorder {
        /// Which of the matching packets.
        #[serde(flatten)]
        draw: Draw,
        /// How much later; 10 ms by default.
        by: Span,
        /// Whose packets; egress by default.
        direction: Direction,
    },
    /// No more than so much in a second; what is over waits in a queue.
    Rate {
        /// How much.
        rate: Bandwidth,
        /// How much may go at once after a pause; chosen for the rate if it is `None`. Not with `per_flow`.
        #[serde(skip_serializing_if = "Option::is_none")]
        burst: Option<Bytes>,
        /// How much may wait; what is over is lost. Chosen for the rate if it is `None`.
        #[serde(skip_serializing_if = "Option::is_none")]
        queue: Option<Bytes>,
        /// Every flow has the rate for itself; else all share it.
        #[serde(skip_serializing_if = "Not::not")]
        per_flow: bool,
        /// Whose packets; egress by default.
        direction: Direction,
    },
    /// Everything that matches is lost.
    Partition {
        /// Whose packets; both by default.
        direction: Direction,
    },
    /// Connections can't be begun: their SYNs are lost, and there is no answer. TCP only.
    Blackhole {
        /// Who begins the connection: the target (egress, by default) or the peer.
        direction: Direction,
    },
    /// Connections are ended by forged RSTs to both ends. TCP only.
    Reset {
        /// Which of the matching packets reset their connection.
        #[serde(flatten)]
        draw: Draw,
        /// Whose packets; egress by default.
        direction: Direction,
    },
    /// New connections are refused: ECONNREFUSED at once. TCP only. One of `draw` and `above`.
    Refuse {
        /// Which new connections.
        #[serde(flatten)]
        draw: Option<Draw>,
        /// Those above so many in a second, 1 to 1,000,000.
        #[serde(skip_serializing_if = "Option::is_none")]
        above: Option<u32>,
        /// Who begins the connection: the target (egress, by default) or the peer.
        direction: Direction,
    },
    /// Questions for names get no answer, a late one or a wrong one. UDP to port 53; TCP where names are not told apart.
    Dns {
        /// Which names are asked for: exactly one pattern.
        #[serde(serialize_with = "list::serialize")]
        names: Vec<DnsPattern>,
        /// What becomes of the question.
        answer: DnsAnswer,
        /// How much later; only and always with the answer `delayed`.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Span>,
        /// Which of the questions.
        #[serde(flatten)]
        draw: Draw,
    },
    /// A system call returns an error and does nothing.
    Fail {
        /// Which calls: a group, a family, or one.
        syscall: SyscallName,
        /// This call only, not its family.
        #[serde(skip_serializing_if = "Not::not")]
        exact: bool,
        /// What they return.
        #[serde(flatten)]
        returns: Returns,
        /// Which of the matching calls; never by flow.
        #[serde(flatten)]
        draw: Draw,
        /// The same seed takes the same of the matching calls, counted from the fault's beginning. With a percent or
        /// bursts.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<Count>,
        /// Only files at or below this path, or that fit this pattern.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<PathPattern>,
        /// Which of these calls.
        #[serde(flatten)]
        which: CallMatch,
        /// By this rung only; the best one if it is `None`.
        #[serde(skip_serializing_if = "Option::is_none")]
        rung: Option<Rung>,
    },
}
