//! What a plan says.

use serde::{Deserialize, Serialize};

use crate::spec::FaultSpec;

/// A limit that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct LimitDoc {
    /// Its name in limits.yaml.
    pub limit: String,
    /// What the request asks for.
    pub asked: String,
    /// What the node's owner allows.
    pub allowed: String,
}

/// A cgroup, and why it is left out, if it is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct CgroupDoc {
    /// Path below the cgroup2 root.
    pub path: String,
    /// Its id: the inode of its directory.
    pub id: u64,
    /// Set if it is protected and therefore not touched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<String>,
}

/// A process of the target.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ProcessDoc {
    /// Process id in the daemon's namespace.
    pub pid: u32,
    /// Its name (`comm`).
    pub name: String,
}

/// One thing that is attached, and how it is undone.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct StepDoc {
    /// What is done.
    pub does: String,
    /// How it is undone.
    pub undo: String,
}

/// `injector.plan/1`: what would happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanDoc {
    /// One line, as the first line of the verb prints it.
    pub summary: String,
    /// What was asked.
    pub spec: FaultSpec,
    /// How long it would last.
    pub ttl_ms: u64,
    /// Every limit that was consulted.
    pub limits: Vec<LimitDoc>,
    /// The target, cgroup by cgroup.
    pub cgroups: Vec<CgroupDoc>,
    /// The target's processes.
    pub processes: Vec<ProcessDoc>,
    /// Sockets of the target that match now; absent where sockets do not say what is hit (faults of connections that
    /// begin, of DNS, of ICMP, of calls).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flows: Option<u64>,
    /// Their share of the node's TCP traffic in the last minute, percent; absent if there was too little.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traffic_share_percent: Option<f64>,
    /// Sockets that the target's processes hold and that belong to another cgroup: they will not be hit.
    pub elsewhere: u64,
    /// The most that it can do, in words.
    pub worst_case: Vec<String>,
    /// Soft limits that it exceeds: it needs a second person's approval.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub needs_approval: Vec<LimitDoc>,
    /// What the host names among its peers mean now.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
    /// Faults of the same cgroups that are asked before or after it, of which only the first one acts on a packet.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub order: Vec<String>,
    /// Why it could not be armed as things are (the node's mode, a halt), if so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked: Option<String>,
    /// What is attached, in order; it is undone in reverse.
    pub steps: Vec<StepDoc>,
    /// The way that a syscall is made to fail, and why this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rung: Option<String>,
    /// What that way means: whose calls, when within the call, what it misses, one matter a line.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub semantics: Vec<String>,
    /// What outlives the fault.
    pub leaves_behind: Vec<String>,
    /// What the person should know.
    pub warnings: Vec<String>,
}
