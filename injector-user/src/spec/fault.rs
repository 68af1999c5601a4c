//! One fault, as asked.

use super::raw::RawSpec;
use super::{
    AbortCondition, Direction, Errno, FaultName, PathPrefix, Peer, Percent, Ramp, Span, SyscallName,
    TargetSpec, Words,
};
use crate::error::Error;
use serde::{Deserialize, Serialize};

/// What goes wrong, and how often or how much. In JSON its fields stand beside `"kind": "drop"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
    /// Packets are lost, and the sender is not told.
    Drop {
        /// The share of the matching packets.
        percent: Percent,
        /// Whose packets; egress by default.
        #[serde(default)]
        direction: Direction,
    },
    /// Every matching packet that the target sends leaves later.
    Delay {
        /// How much later; more than 0.
        by: Span,
        /// Each packet's delay is uniform in `by` +- `jitter`; at most `by`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jitter: Option<Span>,
    },
    /// A system call returns an error and does nothing.
    Fail {
        /// Which calls.
        syscall: SyscallName,
        /// The error they return.
        errno: Errno,
        /// The share of the matching calls.
        percent: Percent,
        /// Only files at or below this path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathPrefix>,
    },
}

impl FaultKind {
    /// `drop`, `delay` or `fail`: the CLI's verb and JSON's `kind`.
    pub const fn verb(&self) -> &'static str {
        match self {
            FaultKind::Drop { .. } => "drop",
            FaultKind::Delay { .. } => "delay",
            FaultKind::Fail { .. } => "fail",
        }
    }

    /// Whether it acts on packets (else: on system calls).
    pub const fn is_network(&self) -> bool {
        matches!(self, FaultKind::Drop { .. } | FaultKind::Delay { .. })
    }

    /// The share of packets or calls; `None` for a delay, which acts on all.
    pub const fn percent(&self) -> Option<Percent> {
        match self {
            FaultKind::Drop { percent, .. } | FaultKind::Fail { percent, .. } => Some(*percent),
            FaultKind::Delay { .. } => None,
        }
    }

    /// The longest that one packet can be held; `None` unless it is a delay.
    pub fn longest_delay(&self) -> Option<Span> {
        match self {
            FaultKind::Delay { by, jitter } => Some(by.plus(jitter.unwrap_or(Span::from_micros(0)))),
            _ => None,
        }
    }
}

/// One fault, as asked: the body of an API request, and what the CLI's verbs make.
///
/// JSON: `{"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "peer": "10.0.0.5:5432", "for": "30s"}`.
/// Unknown keys, and keys that belong to another kind, are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSpec")]
pub struct FaultSpec {
    /// The fault's own name; the daemon makes one if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<FaultName>,
    /// Whose packets and calls: 1 or more.
    pub targets: Vec<TargetSpec>,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: FaultKind,
    /// Only packets to or from this peer; only for faults of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// How long, `for` in JSON; more than 0. The limits give the default.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
    /// At most so many packets or calls are faulted, 1 or more; then the fault ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<u64>,
    /// The share is raised step by step, to the kind's `percent`, while no abort condition comes near.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    /// Matches and counts, and does nothing; `injector arm` makes it real.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// What is expected to happen, for the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<Words>,
    /// Where it was agreed upon, for the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Words>,
    /// It ends when one of these comes true, or one of the limits file's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub abort: Vec<AbortCondition>,
}

impl FaultSpec {
    /// Reads the JSON form; an error says line and column.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(text).map_err(|error| {
            Error::usage(format!("the fault can't be read: {error}")).hint(
                r#"write {"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "for": "30s"}"#,
            )
        })
    }

    /// Checks what only makes sense together. Done by reading JSON; to be called for a spec made by hand.
    pub fn validate(&self) -> Result<(), Error> {
        let verb = self.fault.verb();
        if self.targets.is_empty() {
            return Err(Error::usage(format!("a {verb} needs a target")).hint("such as unit:nginx.service"));
        }
        if self.peer.is_some() && !self.fault.is_network() {
            return Err(Error::usage(format!("a peer does not belong to a {verb}"))
                .hint("leave it out: system calls have no peer"));
        }
        if self.ttl.is_some_and(Span::is_zero) {
            return Err(Error::usage("a fault of 0s would never act").hint("write a duration such as 30s"));
        }
        if self.budget == Some(0) {
            return Err(
                Error::usage("a budget of 0 would never act").hint("write 1 or more, or leave it out")
            );
        }
        if let Some(ramp) = &self.ramp {
            match self.fault.percent() {
                None => {
                    return Err(Error::usage(format!("a {verb} has no share to raise"))
                        .hint("a ramp goes with drop and fail"));
                }
                Some(percent) if percent != ramp.to => {
                    return Err(Error::usage(format!(
                        "the ramp goes up to {}, and percent is {percent}",
                        ramp.to
                    ))
                    .hint("leave percent out, or make them the same"));
                }
                Some(_) => {}
            }
        }
        if let FaultKind::Delay { by, jitter } = &self.fault {
            if by.is_zero() {
                return Err(Error::usage("a delay by 0s changes nothing").hint("write a delay such as 80ms"));
            }
            if let Some(jitter) = jitter.filter(|jitter| jitter > by) {
                return Err(Error::usage(format!("the jitter {jitter} is more than the delay {by}"))
                    .hint(format!("a packet can't leave early: write at most {by}")));
            }
        }
        Ok(())
    }
}
