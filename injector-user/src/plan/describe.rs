//! A plan in words.

use super::{Plan, Rung, Site, Step};
use crate::{
    api::types::{CgroupDoc, LimitDoc, PlanDoc, ProcessDoc, StepDoc},
    limits::Consulted,
    spec::{FaultKind, TargetSpec},
};

const CLSACT_UNDO: &str =
    "the filter is deleted, and inert without the daemon; a clsact qdisc that we made goes with the daemon";

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
    /// `5 % egress loss`, `80ms +- 20ms delay`, `EIO for 10 % of open below /var/lib/app`.
    pub fn what(&self) -> String {
        let peer = self.spec.peer.as_ref().map(|peer| format!(" to {peer}")).unwrap_or_default();
        match &self.spec.fault {
            FaultKind::Drop { percent, direction } => {
                let peer = self.spec.peer.as_ref().map(|peer| format!(", peer {peer}")).unwrap_or_default();
                format!("{} % {direction} loss{peer}", percent.as_f64())
            }
            FaultKind::Delay { by, jitter } => {
                let jitter = jitter.map(|jitter| format!(" +- {jitter}")).unwrap_or_default();
                format!("{by}{jitter} egress delay{peer}")
            }
            FaultKind::Fail { syscall, errno, percent, path } => {
                let below = path.as_ref().map(|path| format!(" below {}", path.as_str())).unwrap_or_default();
                format!("{errno} for {} % of {syscall}{below}", percent.as_f64())
            }
        }
    }

    /// The targets' names.
    pub fn whom(&self) -> String {
        let names: Vec<String> = self
            .spec
            .targets
            .iter()
            .map(|target| match target {
                TargetSpec::Unit(name) => name.clone(),
                TargetSpec::Cgroup(path) => path.clone(),
            })
            .collect();
        names.join(", ")
    }

    /// `5 % egress loss, nginx.service`
    pub fn summary(&self) -> String {
        format!("{}, {}", self.what(), self.whom())
    }

    /// The document; `flows` is what matches now.
    pub fn doc(&self, flows: u64, tcx: bool) -> PlanDoc {
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
            blocked: None,
            steps: self.steps.iter().map(|step| step.doc(tcx)).collect(),
            rung: self.rung.as_ref().map(|(rung, why)| format!("{rung}: {why}")),
            leaves_behind: self.leaves_behind.clone(),
            warnings: self.warnings.clone(),
        }
    }
}

impl Step {
    /// What it does and how it is undone, in words.
    pub fn doc(&self, tcx: bool) -> StepDoc {
        let (does, undo) = match self {
            Self::DropEgress { netns, link, .. } if tcx => (
                format!("tcx link on {link} (egress), netns {netns}"),
                "the link goes with its descriptor".to_owned(),
            ),
            Self::DropEgress { netns, link, .. } => {
                (format!("clsact filter on {link} (egress), netns {netns}"), CLSACT_UNDO.to_owned())
            }
            Self::DropIngress { cgroup } => (
                format!("cgroup_skb link on {cgroup} (ingress)"),
                "the link goes with its descriptor".to_owned(),
            ),
            Self::DelayDevice { netns, latency, jitter, .. } => (
                format!("our own ifb with netem {latency:?} +- {jitter:?}, netns {netns}"),
                "deleted when it holds no packet, or after the longest delay + 1 s".to_owned(),
            ),
            Self::DelayFilter { netns, link, .. } => (
                format!(
                    "clsact filter with mirred on {link} (egress), netns {netns}; its root qdisc is not touched"
                ),
                CLSACT_UNDO.to_owned(),
            ),
            Self::Open { rung: Rung::Lsm } => {
                ("LSM hook file_open".to_owned(), "the link goes with its descriptor".to_owned())
            }
            Self::Open { rung: Rung::Kprobe } => (
                "kprobes on open, openat, openat2, creat".to_owned(),
                "the links go with their descriptors".to_owned(),
            ),
        };
        StepDoc { does, undo }
    }
}
