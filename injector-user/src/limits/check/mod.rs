//! The verdict: may this fault be armed on these targets, and on which of their cgroups.

mod delay;
mod forbidden;
mod ledger;
mod pace;
mod size;

use super::{Budget, DEFAULT_TTL, Limits, NodeFacts, Protection, budget, host_verdict, require, when};
use crate::error::Error;
use crate::spec::{FaultSpec, Span};
use crate::target::{Cgroup, Target};
use serde::Serialize;
use std::time::Duration;

pub use ledger::Consulted;
pub(super) use ledger::Ledger;
pub(super) use size::Size;

/// A cgroup of a target that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The cgroup.
    pub cgroup: Cgroup,
    /// Why it is protected.
    pub why: String,
}

/// A request that passed the limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allowed {
    /// How long the fault lives: what was asked, or the default.
    pub ttl: Duration,
    /// The most that it may do: the request's own budget or the limits', whichever is less.
    pub budget: Budget,
    /// Every limit that was looked at.
    pub consulted: Vec<Consulted>,
    /// The soft limits that it is over. If there are any, a second person must approve before it is armed.
    pub needs_approval: Vec<Consulted>,
    /// The cgroups of all targets without the protected ones, by path, each once; at least one.
    pub cgroups: Vec<Cgroup>,
    /// The cgroups of the targets that are protected.
    pub skipped: Vec<Skipped>,
}

/// Checks a fault against protections first (so that a refusal names sshd and not a percentage), then magnitudes,
/// then what goes on on the node and when it is.
///
/// The node's mode is not looked at, so that a plan can be made in every mode: see [`may_arm`](super::may_arm).
///
/// # Errors
/// Refused by the first limit that it exceeds: its key, what was asked, what would be allowed.
pub fn check(
    spec: &FaultSpec,
    targets: &[Target],
    limits: &Limits,
    protection: &Protection,
    node: &NodeFacts,
) -> Result<Allowed, Error> {
    spec.validate()?;
    if targets.is_empty() {
        return Err(Error::usage("no target was resolved").hint("name one, such as unit:nginx.service"));
    }
    let (cgroups, skipped) = forbidden::check(spec, targets, protection)?;
    let size = Size {
        ttl: spec.ttl.unwrap_or(DEFAULT_TTL.min(limits.max_ttl)),
        percent: spec.fault.percent(),
        takes_all: spec.fault.takes_all(),
        delay: spec.longest_delay(),
        targets: targets.len() as u64,
        cgroups: cgroups.len() as u64,
        processes: size::processes(targets, &cgroups),
    };
    let mut ledger = Ledger::default();
    size.check(spec, limits, node, &mut ledger)?;
    let budget = budget::of_fault(spec, &limits.budget, &mut ledger)?;
    require::check(spec, &limits.require, &mut ledger)?;
    pace::check(limits, node, &mut ledger)?;
    if let Some(when) = &limits.when {
        when::verdict(when, node.now, node.clock_jumped, size.ttl, &mut ledger)?;
    }
    ledger.consulted.extend(host_verdict(limits, &node.host)?);
    Ok(Allowed {
        ttl: Span::duration(size.ttl),
        budget,
        consulted: ledger.consulted,
        needs_approval: limits.soft.exceeded(&size),
        cgroups,
        skipped,
    })
}
