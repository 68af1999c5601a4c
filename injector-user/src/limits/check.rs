//! The verdict: may this fault be armed on these targets, and on which of their cgroups.

use super::protection::holding;
use super::{DEFAULT_TTL, Limits, Protection};
use crate::error::Error;
use crate::spec::peer::show;
use crate::spec::{FaultSpec, Peer, Span};
use crate::target::{Cgroup, Target};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A limit that was consulted, for the plan: `max_percent: 5% asked, 20% allowed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consulted {
    /// The limit's key in the limits file.
    pub limit: &'static str,
    /// What was asked, with its unit.
    pub asked: String,
    /// What the limit allows, with its unit.
    pub allowed: String,
}

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
    /// Every limit that was looked at.
    pub consulted: Vec<Consulted>,
    /// The cgroups of all targets without the protected ones, by path, each once; at least one.
    pub cgroups: Vec<Cgroup>,
    /// The cgroups of the targets that are protected.
    pub skipped: Vec<Skipped>,
}

/// Checks a fault against protections first (so that a refusal names sshd and not a percentage), then magnitudes.
/// `armed_now` is the number of faults that are armed already.
pub fn check(
    spec: &FaultSpec,
    targets: &[Target],
    limits: &Limits,
    protection: &Protection,
    armed_now: usize,
) -> Result<Allowed, Error> {
    spec.validate()?;
    if targets.is_empty() {
        return Err(Error::usage("no target was resolved").hint("name one, such as unit:nginx.service"));
    }
    let (cgroups, skipped) = split(targets, protection)?;
    if let Some(peer) = &spec.peer {
        check_peer(peer, protection)?;
    }
    let mut consulted = Vec::new();
    let ttl = spec.ttl.unwrap_or(DEFAULT_TTL.min(limits.max_ttl));
    at_most(&mut consulted, "max_ttl", "a fault of", ttl, limits.max_ttl)?;
    if let Some(percent) = spec.fault.percent() {
        at_most(&mut consulted, "max_percent", "a share of", percent, limits.max_percent)?;
    }
    if let Some(delay) = spec.fault.longest_delay() {
        at_most(&mut consulted, "max_delay", "a delay (with its jitter) of", delay, limits.max_delay)?;
    }
    let most = limits.max_faults as usize;
    at_most(
        &mut consulted,
        "max_faults",
        "a number of faults at once of",
        armed_now.saturating_add(1),
        most,
    )?;
    Ok(Allowed { ttl: Span::duration(ttl), consulted, cgroups, skipped })
}

fn at_most<T: PartialOrd + std::fmt::Display>(
    consulted: &mut Vec<Consulted>,
    limit: &'static str,
    what: &str,
    asked: T,
    allowed: T,
) -> Result<(), Error> {
    if asked > allowed {
        return Err(Error::refused(format!("{what} {asked} is over this node's {limit} of {allowed}"))
            .hint(if limit == "max_faults" {
                "stop one first: injector status lists them".to_owned()
            } else {
                format!("ask for {allowed} or less")
            })
            .limit(limit, asked, allowed));
    }
    consulted.push(Consulted { limit, asked: asked.to_string(), allowed: allowed.to_string() });
    Ok(())
}

type Parts = (Vec<Cgroup>, Vec<Skipped>);

/// The targets' cgroups, each once: those to act on, and the protected ones.
fn split(targets: &[Target], protection: &Protection) -> Result<Parts, Error> {
    let (mut allowed, mut skipped) = (BTreeMap::new(), BTreeMap::new());
    for target in targets {
        let name = &target.spec;
        let refuse = |message: String| {
            Error::refused(message)
                .hint("protected are the root cgroup, PID 1, the daemon, sshd and its sessions, and the limits file's list")
                .limit("protect", name, "any cgroup that is not protected")
        };
        if let Some(why) = protection.why_protected(&target.path) {
            return Err(refuse(format!("{name} ({}) is protected: {why}", target.path)));
        }
        let mut one = false;
        for cgroup in &target.cgroups {
            match protection.why_protected(&cgroup.path) {
                Some(why) => _ = skipped.insert(cgroup.path.clone(), Skipped { cgroup: cgroup.clone(), why }),
                None => {
                    one = true;
                    allowed.insert(cgroup.path.clone(), cgroup.clone());
                }
            }
        }
        if !one {
            return Err(refuse(format!("every cgroup of {name} is protected")));
        }
    }
    Ok((allowed.into_values().collect(), skipped.into_values().collect()))
}

fn check_peer(peer: &Peer, protection: &Protection) -> Result<(), Error> {
    if let Some((port, why)) = peer.port.and_then(|port| protection.ports.get_key_value(&port)) {
        return Err(Error::refused(format!("port {port} of the peer {peer} is protected: {why}"))
            .hint("name another port; packets from and to protected ports are never faulted")
            .limit("protect", peer, "any port that is not protected"));
    }
    if let Some((net, why)) = peer.net.as_ref().and_then(|net| holding(&protection.addresses, net)) {
        return Err(Error::refused(format!(
            "the peer {peer} is inside {}, which is protected: {why}",
            show(net)
        ))
        .hint("name another address; packets from and to protected addresses are never faulted")
        .limit("protect", peer, "any address that is not protected"));
    }
    Ok(())
}
