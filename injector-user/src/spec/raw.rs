//! The JSON form of a fault before its keys are matched with its kind.

use super::{
    AbortCondition, ArgumentTest, Bandwidth, Bytes, Connections, Count, Descriptor, Direction, Distribution,
    DnsAnswer, DnsPattern, Errno, FaultName, FaultSpec, Gilbert, InterfaceName, Match, Outcomes, PathPattern,
    Peer, Percent, Ports, Protocol, Ramp, Rung, Short, Span, SyscallName, TargetSpec, TaskName, Words, list,
};
use crate::error::Error;
use serde::Deserialize;

/// Every key of every kind, all optional: so that an unknown key, a missing one and one of another kind each get
/// their own answer (serde's `flatten` can't refuse unknown keys).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpec {
    pub(super) name: Option<FaultName>,
    #[serde(default)]
    pub(super) targets: Vec<TargetSpec>,
    pub(super) kind: Option<String>,
    pub(super) percent: Option<Percent>,
    pub(super) flows: Option<Percent>,
    pub(super) bursts: Option<Gilbert>,
    pub(super) every: Option<Count>,
    pub(super) first: Option<Count>,
    pub(super) after: Option<Count>,
    pub(super) per_second: Option<Count>,
    pub(super) seed: Option<Count>,
    pub(super) direction: Option<Direction>,
    pub(super) local_error: Option<bool>,
    pub(super) by: Option<Span>,
    pub(super) jitter: Option<Span>,
    pub(super) correlation: Option<Percent>,
    pub(super) distribution: Option<Distribution>,
    pub(super) in_order: Option<bool>,
    pub(super) rate: Option<Bandwidth>,
    pub(super) burst: Option<Bytes>,
    pub(super) queue: Option<Bytes>,
    pub(super) per_flow: Option<bool>,
    pub(super) above: Option<Count>,
    #[serde(default, deserialize_with = "list::deserialize")]
    pub(super) names: Vec<DnsPattern>,
    pub(super) answer: Option<DnsAnswer>,
    pub(super) syscall: Option<SyscallName>,
    pub(super) exact: Option<bool>,
    pub(super) errno: Option<Errno>,
    pub(super) outcome: Option<Outcomes>,
    pub(super) short: Option<Short>,
    pub(super) path: Option<PathPattern>,
    pub(super) rung: Option<Rung>,
    pub(super) uid: Option<u32>,
    pub(super) comm: Option<TaskName>,
    pub(super) process: Option<TaskName>,
    #[serde(default, deserialize_with = "list::deserialize")]
    pub(super) arg: Vec<ArgumentTest>,
    pub(super) fd_path: Option<PathPattern>,
    pub(super) fd: Option<Descriptor>,
    #[serde(default, deserialize_with = "list::deserialize")]
    pub(super) peer: Vec<Peer>,
    #[serde(default, deserialize_with = "list::deserialize")]
    pub(super) except: Vec<Peer>,
    pub(super) local_port: Option<Ports>,
    pub(super) protocol: Option<Protocol>,
    pub(super) connections: Option<Connections>,
    pub(super) interface: Option<InterfaceName>,
    #[serde(rename = "for")]
    pub(super) ttl: Option<Span>,
    pub(super) budget: Option<u64>,
    pub(super) ramp: Option<Ramp>,
    #[serde(default)]
    pub(super) shadow: bool,
    pub(super) hypothesis: Option<Words>,
    pub(super) ticket: Option<Words>,
    #[serde(default)]
    pub(super) abort: Vec<AbortCondition>,
}

impl RawSpec {
    /// The first key that says whom a fault hits, or how it is run.
    pub(super) fn key_of_a_run(&self) -> Option<&'static str> {
        let keys = [
            ("name", self.name.is_some()),
            ("targets", !self.targets.is_empty()),
            ("peer", !self.peer.is_empty()),
            ("for", self.ttl.is_some()),
            ("budget", self.budget.is_some()),
            ("ramp", self.ramp.is_some()),
            ("shadow", self.shadow),
            ("hypothesis", self.hypothesis.is_some()),
            ("ticket", self.ticket.is_some()),
            ("abort", !self.abort.is_empty()),
        ];
        keys.into_iter().find(|(_, given)| *given).map(|(key, _)| key)
    }

    /// Which packets.
    pub(super) fn matching(&mut self) -> Match {
        Match {
            peer: std::mem::take(&mut self.peer),
            except: std::mem::take(&mut self.except),
            local_port: self.local_port.take(),
            protocol: self.protocol.take(),
            connections: self.connections.take(),
            interface: self.interface.take(),
        }
    }
}

impl TryFrom<RawSpec> for FaultSpec {
    type Error = Error;

    fn try_from(mut raw: RawSpec) -> Result<Self, Error> {
        let fault = raw.fault()?;
        let matching = raw.matching();
        let RawSpec { name, targets, ttl, budget, ramp, shadow, hypothesis, ticket, abort, .. } = raw;
        let spec = FaultSpec {
            name,
            targets,
            fault,
            matching,
            ttl,
            budget,
            ramp,
            shadow,
            hypothesis,
            ticket,
            abort,
        };
        spec.validate()?;
        Ok(spec)
    }
}
