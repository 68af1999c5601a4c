//! How large a fault is.

use super::Ledger;
use crate::error::Error;
use crate::limits::{Limits, NodeFacts};
use crate::spec::{FaultSpec, Percent, Span};
use crate::target::{Cgroup, Target};
use std::collections::BTreeSet;

/// What a request asks for, and how much of the node it would touch now.
#[derive(Debug)]
pub(in crate::limits) struct Size {
    pub(in crate::limits) ttl: Span,
    pub(in crate::limits) percent: Option<Percent>,
    /// It has no smaller share.
    pub(in crate::limits) takes_all: bool,
    pub(in crate::limits) delay: Option<Span>,
    pub(in crate::limits) targets: u64,
    pub(in crate::limits) cgroups: u64,
    pub(in crate::limits) processes: u64,
}

/// The processes of the targets that are in `cgroups`, each once.
pub(super) fn processes(targets: &[Target], cgroups: &[Cgroup]) -> u64 {
    let paths: BTreeSet<&str> = cgroups.iter().map(|cgroup| cgroup.path.as_str()).collect();
    let all = targets.iter().flat_map(|target| &target.processes);
    let touched = all.filter(|process| paths.contains(process.cgroup.as_str()));
    touched.map(|process| process.pid).collect::<BTreeSet<_>>().len() as u64
}

impl Size {
    pub(super) fn check(
        &self,
        spec: &FaultSpec,
        limits: &Limits,
        node: &NodeFacts,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        let ask = |allowed: &dyn std::fmt::Display| format!("ask for {allowed} or less");
        ledger.at_most("max_ttl", "a fault of", self.ttl, limits.max_ttl, || ask(&limits.max_ttl))?;
        if let Some(percent) = self.percent {
            let most = limits.max_percent;
            let hint = || match self.takes_all {
                true => "it takes all that matches: this node's max_percent would have to be 100".to_owned(),
                false => ask(&most),
            };
            ledger.at_most("max_percent", "a share of", percent, most, hint)?;
        }
        if let Some(delay) = self.delay {
            super::delay::check(spec, delay, limits.max_delay, ledger)?;
        }
        let smaller = || "name fewer targets, or smaller ones".to_owned();
        for (limit, what, asked, allowed) in [
            ("max_targets", "a number of targets of", self.targets, limits.max_targets),
            ("max_cgroups", "a number of cgroups of", self.cgroups, limits.max_cgroups),
            ("max_processes", "a number of processes of", self.processes, limits.max_processes),
        ] {
            ledger.at_most(limit, what, asked, u64::from(allowed), smaller)?;
        }
        // Shares are compared as what they are, not as what is shown of them.
        let all = node.node_cgroups as u64;
        let cgroups = (all > 0).then_some((self.cgroups as f64 / all as f64, {
            let most = u128::from(limits.max_cgroup_share.units());
            u128::from(self.cgroups) * u128::from(Percent::ALL.units()) <= most * u128::from(all)
        }));
        share(ledger, "max_cgroup_share", "the node's cgroups", cgroups, limits.max_cgroup_share)?;
        let traffic = node.traffic_share.filter(|share| share.is_finite() && *share >= 0.0);
        let traffic = traffic.map(|share| (share, share <= limits.max_traffic_share.fraction()));
        share(ledger, "max_traffic_share", "the node's traffic", traffic, limits.max_traffic_share)
    }
}

/// `measured`: the share, and whether it is within the limit. Nothing is more than all, so 100 % lets everything pass,
/// measured or not.
fn share(
    ledger: &mut Ledger,
    limit: &'static str,
    of: &str,
    measured: Option<(f64, bool)>,
    most: Percent,
) -> Result<(), Error> {
    let asked =
        measured.map_or_else(|| "not measured".to_owned(), |(share, _)| format!("{:.2}%", share * 100.0));
    if most == Percent::ALL || measured.is_some_and(|(_, within)| within) {
        ledger.passed(limit, asked, most);
        return Ok(());
    }
    let message = match measured {
        Some(_) => format!("the targets have {asked} of {of}, over this node's {limit} of {most}"),
        None => format!("the targets' share of {of} is not measured, and this node's {limit} is {most}"),
    };
    Err(Error::refused(message)
        .hint(if measured.is_some() {
            "name fewer targets, or smaller ones"
        } else {
            "try again in a minute"
        })
        .limit(limit, asked, most))
}
