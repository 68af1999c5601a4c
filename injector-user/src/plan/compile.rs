//! From what was asked and allowed to rules and steps. Pure.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use injector_ebpf::{
    call_means::CALL_FD_DISK,
    rule::{RULE_SHADOW, Rule},
};
use ipnet::IpNet;

use super::{Addresses, Capabilities, Shape, Site, Step, call_means, calls, describe, draw, network, notes};
use crate::{
    error::Error,
    limits::{self, Allowed, Budget, Limits, NodeFacts, Protection},
    spec::{FaultKind, FaultSpec, Rung},
    target::{Process, Target},
};

/// What must be known of the host to make a plan.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The resolved targets.
    pub targets: &'a [Target],
    /// The node owner's limits.
    pub limits: &'a Limits,
    /// What is protected.
    pub protection: &'a Protection,
    /// What the limits must know of the node.
    pub node: &'a NodeFacts,
    /// What the kernel can do.
    pub capabilities: &'a Capabilities,
    /// Where the targets' sockets are.
    pub sites: &'a [Site],
    /// The addresses of host names.
    pub names: &'a BTreeMap<String, Vec<IpAddr>>,
}

/// A checked request. There is no other way to get one than [`make`].
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) spec: FaultSpec,
    pub(super) allowed: Allowed,
    pub(super) processes: Vec<Process>,
    pub(super) roots: Vec<String>,
    pub(super) rule: Rule,
    pub(super) addresses: Addresses,
    /// What the fault's own devices do, if it has any.
    pub(super) shape: Option<Shape>,
    pub(super) steps: Vec<Step>,
    pub(super) rung: Option<(Rung, String)>,
    /// What that means, one matter a line.
    pub(super) semantics: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) leaves_behind: Vec<String>,
    /// Calls on descriptors fail, and it can't be seen here whether these are closed.
    pub(super) closes_unseen: bool,
    pub(super) share: Option<f64>,
}

impl Plan {
    /// What was asked.
    pub fn spec(&self) -> &FaultSpec {
        &self.spec
    }
    /// What the limits made of it.
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }
    /// How long it lasts.
    pub fn ttl(&self) -> Duration {
        self.allowed.ttl
    }
    /// The targets' processes.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }
    /// The targets' top cgroups.
    pub fn roots(&self) -> &[String] {
        &self.roots
    }
    /// The compiled rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }
    /// Whom the rule means, by address and name.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }
    /// What is attached, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
    /// What it may do at most, in the kernel.
    pub fn budget(&self) -> &Budget {
        &self.allowed.budget
    }
    /// The most packets on the wire, or calls.
    pub fn most_units(&self) -> Option<u64> {
        if self.spec.fault.is_network() { self.allowed.budget.packets } else { self.allowed.budget.calls }
    }
    /// The targets' share of the node's TCP traffic in the minute before, in 0..=1.
    pub fn share_of_traffic(&self) -> Option<f64> {
        self.share
    }
    /// It was a shadow, and has been armed.
    pub fn made_real(&mut self) {
        self.spec.shadow = false;
        self.rule.flags &= !RULE_SHADOW;
    }
    /// Its names have other addresses now, and the kernel knows.
    pub fn readdressed(&mut self, addresses: Addresses) {
        self.addresses = addresses;
    }
    /// How the syscall fails, and why this way.
    pub fn rung(&self) -> Option<&(Rung, String)> {
        self.rung.as_ref()
    }
    /// Calls on descriptors fail, and it can't be seen on this kernel whether these are closed.
    pub fn closes_unseen(&self) -> bool {
        self.closes_unseen
    }
    /// What a person should know.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
    /// What outlives the fault.
    pub fn leaves_behind(&self) -> &[String] {
        &self.leaves_behind
    }
}

/// Checks the request and says exactly what it would do. `slot` is the rule's place.
///
/// # Errors
/// Refused by the limits or the protections, or this kernel cannot do it.
pub fn make(spec: &FaultSpec, slot: u32, facts: &Facts<'_>) -> Result<Plan, Error> {
    let allowed = limits::check(spec, facts.targets, facts.limits, facts.protection, facts.node)?;
    let mut processes: Vec<Process> = facts.targets.iter().flat_map(|t| t.processes.clone()).collect();
    processes.sort_by_key(|process| process.pid);
    processes.dedup_by_key(|process| process.pid);
    let mut roots: Vec<String> = facts.targets.iter().map(|t| t.path.clone()).collect();
    roots.sort();
    roots.dedup();
    let mut plan = Plan {
        spec: spec.clone(),
        allowed,
        processes,
        roots,
        rule: Rule { flags: if spec.shadow { RULE_SHADOW } else { 0 }, ..Rule::FREE },
        addresses: Addresses::default(),
        shape: None,
        steps: Vec::new(),
        rung: None,
        semantics: Vec::new(),
        warnings: facts.targets.iter().flat_map(|t| t.notes.clone()).collect(),
        leaves_behind: Vec::new(),
        closes_unseen: false,
        share: facts.node.traffic_share,
    };
    if let FaultKind::Fail { syscall, exact, returns, draw, seed, path, which, rung } = &spec.fault {
        plan.rule.draw = draw::seeded(draw::compile(spec, *draw, slot), *seed);
        (plan.rule.shares, plan.rule.returns) = draw::outcomes(&returns.values());
        call_means::compile(&mut plan.rule, path.as_ref(), which)?;
        call_means::compile_peers(&mut plan, facts.names)?;
        plan.rule.call.asks |= if syscall.is_disk() { CALL_FD_DISK } else { 0 };
        let calls = call_means::told_apart(&mut plan, &syscall.members(*exact));
        let by_path = path.is_some();
        let asked = calls::Asked { name: *syscall, calls: &calls, exact: *exact, by_path, rung: *rung };
        calls::compile(&mut plan, asked, facts.capabilities)?;
    } else {
        network::compile(&mut plan, slot, facts)?;
        plan.warnings.extend(notes::warnings(spec).into_iter().map(str::to_owned));
        plan.leaves_behind.extend(notes::leaves_behind(&spec.fault).map(str::to_owned));
    }
    let clsact = |step: &Step| match step {
        Step::Redirect { .. } => true,
        Step::Egress { .. } | Step::Ingress { .. } => !facts.capabilities.tcx,
        _ => false,
    };
    if plan.steps.iter().any(clsact) {
        plan.warnings.push(
            "an interface without a clsact qdisc gets one: the kernel stops its queues for a moment, in which \
             packets of everybody on it may be lost (once, and again when the daemon ends)"
                .into(),
        );
    }
    for (_, link) in facts.sites.iter().flat_map(|site| &site.links) {
        if let Some(why) = facts.protection.why_interface(link) {
            plan.warnings.push(format!("{link} is left out: {why}"));
        }
    }
    if spec.fault.is_network() {
        describe::warn_of_elsewhere(&mut plan, facts.sites);
    }
    Ok(plan)
}

pub(super) fn incapable(what: &str, why: &str) -> Error {
    Error::failed(format!("this kernel cannot {what}: {why}")).hint("injector doctor says what it can do")
}

/// An address range as the kernel side compares it: words and prefix length of 0..=128.
pub fn words(net: &IpNet) -> ([u32; 4], u32) {
    let (octets, prefix) = match net.network() {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped().octets(), 96 + u32::from(net.prefix_len())),
        IpAddr::V6(v6) => (v6.octets(), u32::from(net.prefix_len())),
    };
    let word = |i: usize| u32::from_ne_bytes([octets[i], octets[i + 1], octets[i + 2], octets[i + 3]]);
    ([word(0), word(4), word(8), word(12)], prefix)
}
