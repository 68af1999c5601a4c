//! A plan in words.

use super::{Plan, Site, Step, words};
use crate::{
    api::types::{CgroupDoc, LimitDoc, PlanDoc, ProcessDoc, StepDoc},
    limits::Consulted,
    spec::{Rung, TargetSpec},
};

const CLSACT_UNDO: &str =
    "the filter is deleted, and inert without the daemon; a clsact qdisc that we made goes with the daemon";

const LINK_UNDO: &str = "the link goes with its descriptor";

/// The main program on an interface.
fn hook(link: &str, way: &str, netns: u64, tcx: bool) -> (String, String) {
    if tcx {
        (format!("tcx link on {link} ({way}), netns {netns}"), LINK_UNDO.to_owned())
    } else {
        (format!("clsact filter on {link} ({way}), netns {netns}"), CLSACT_UNDO.to_owned())
    }
}

/// What a person should know when the target's sockets are in several namespaces, or nowhere.
pub(super) fn warn_of_elsewhere(plan: &mut Plan, sites: &[Site]) {
    if sites.len() > 1 {
        plan.warnings.push(format!("the target's processes are in {} network namespaces", sites.len()));
    }
    if sites.iter().all(|site| site.links.is_empty()) {
        plan.warnings.push("the target's network namespace has no interface that is up".into());
    }
}

impl From<&Consulted> for LimitDoc {
    fn from(limit: &Consulted) -> Self {
        Self { limit: limit.limit.to_owned(), asked: limit.asked.clone(), allowed: limit.allowed.clone() }
    }
}

impl Plan {
    /// `5 % egress loss`, `80ms +- 20ms egress delay to 10.0.0.5:5432`, `EIO for 10 % of open below /var/lib/app`.
    pub fn what(&self) -> String {
        words::what(&self.spec)
    }

    /// The targets' names.
    pub fn whom(&self) -> String {
        let names: Vec<String> = self
            .spec
            .targets
            .iter()
            .map(|target| match target {
                TargetSpec::Unit(name) => name.clone(),
                TargetSpec::Cgroup(path) | TargetSpec::Cgroups(path) => path.clone(),
                // A bare id, name or number would not say what it is.
                other @ (TargetSpec::Container(_) | TargetSpec::Pod(_) | TargetSpec::Pid(_)) => {
                    other.to_string()
                }
            })
            .collect();
        names.join(", ")
    }

    /// `5 % egress loss, nginx.service`
    pub fn summary(&self) -> String {
        format!("{}, {}", self.what(), self.whom())
    }

    /// The document; `flows` is what matches now, if that can be counted.
    pub fn doc(&self, flows: Option<u64>, tcx: bool) -> PlanDoc {
        let allowed = &self.allowed;
        let cgroups = allowed
            .cgroups
            .iter()
            .map(|cgroup| CgroupDoc { path: cgroup.path.clone(), id: cgroup.id, skipped: None })
            .chain(allowed.skipped.iter().map(|skip| CgroupDoc {
                path: skip.cgroup.path.clone(),
                id: skip.cgroup.id,
                skipped: Some(skip.why.clone()),
            }))
            .collect();
        PlanDoc {
            summary: self.summary(),
            spec: self.spec.clone(),
            ttl_ms: u64::try_from(allowed.ttl.as_millis()).unwrap_or(u64::MAX),
            limits: allowed.consulted.iter().map(LimitDoc::from).collect(),
            cgroups,
            processes: self
                .processes
                .iter()
                .map(|process| ProcessDoc { pid: process.pid, name: process.comm.clone() })
                .collect(),
            flows,
            traffic_share_percent: None,
            elsewhere: 0,
            worst_case: Vec::new(),
            needs_approval: allowed.needs_approval.iter().map(LimitDoc::from).collect(),
            names: Vec::new(),
            order: Vec::new(),
            blocked: None,
            steps: self.steps.iter().map(|step| step.doc(tcx)).collect(),
            rung: self.rung.as_ref().map(|(rung, why)| format!("{}: {why}", rung.title())),
            semantics: self.semantics.clone(),
            leaves_behind: self.leaves_behind.clone(),
            warnings: self.warnings.clone(),
        }
    }
}

impl Step {
    /// What it does and how it is undone, in words.
    pub fn doc(&self, tcx: bool) -> StepDoc {
        let (does, undo) = match self {
            Self::Egress { netns, link, .. } => hook(link, "egress", *netns, tcx),
            Self::Ingress { netns, link, .. } => hook(link, "ingress", *netns, tcx),
            Self::CgroupIngress { cgroup } => {
                (format!("cgroup_skb link on {cgroup} (ingress)"), LINK_UNDO.to_owned())
            }
            Self::CgroupEgress { cgroup } => {
                (format!("cgroup_skb link on {cgroup} (egress)"), LINK_UNDO.to_owned())
            }
            Self::Device { netns, side, shape, .. } => (
                format!("our own ifb with {shape}, for {side}, netns {netns}"),
                "deleted when it holds no packet, or after the longest delay + 1 s".to_owned(),
            ),
            Self::Redirect { netns, link, side, .. } => (
                format!(
                    "clsact filter with mirred on {link} ({side}), netns {netns}; its root qdisc is not touched"
                ),
                CLSACT_UNDO.to_owned(),
            ),
            Self::Call { rung: Rung::Lsm, call } => (format!("LSM hook {call}"), LINK_UNDO.to_owned()),
            Self::Call { rung: Rung::Security, call } => {
                (format!("fmod_ret on security_{call}"), LINK_UNDO.to_owned())
            }
            Self::Compat { calls } => (
                format!("fentry on the 32-bit entries of {} (counts)", calls.join(", ")),
                LINK_UNDO.to_owned(),
            ),
            Self::Rings => ("tracepoint of io_uring's requests (counts)".to_owned(), LINK_UNDO.to_owned()),
            Self::Closes => ("fentry on close (counts)".to_owned(), LINK_UNDO.to_owned()),
            Self::Call { rung: Rung::Kprobe, call } => (format!("kprobe on {call}"), LINK_UNDO.to_owned()),
            Self::Call { rung: Rung::ModifyReturn | Rung::Cgroup, call } => {
                (format!("fmod_ret on {call}"), LINK_UNDO.to_owned())
            }
            Self::CgroupCall { call, cgroup } => {
                (format!("cgroup hooks of {call} on {cgroup}"), LINK_UNDO.to_owned())
            }
        };
        StepDoc { does, undo }
    }
}
