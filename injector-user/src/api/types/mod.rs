//! The documents of the API: what `--json` prints, what `curl --unix-socket` gets, what the CLI renders.
//!
//! Every document has `schema` and `node`. Times are RFC 3339 in UTC; durations are milliseconds and say so in
//! their names; latencies are microseconds.

mod achieved;
mod amplification;
mod changes;
mod events;
mod fault;
mod flows;
mod kinds;
mod lags;
mod limits;
mod own;
mod owners;
mod plan;
mod reaction;
mod report;
mod saturation;
mod windows;

use serde::{Deserialize, Serialize};

pub use achieved::{
    AchievedDelayDoc, AchievedDoc, AmountDoc, AskedDelayDoc, CountersDoc, DelayDoc, Fidelity,
    NothingMatchedDoc, PassedDoc,
};
pub use amplification::{AmplificationDoc, PaceDoc};
pub use changes::{
    CgroupName, DependencyName, DepsChangesDoc, FlowName, FlowsChangesDoc, ListenerName, Numbered, RowsDoc,
};
pub use events::{EventDoc, EventsDoc, EventsLostDoc};
pub use fault::{CleanDoc, EndKind, FaultDoc, FaultsDoc, JudgedDoc, RecoveryDoc, SignalsDoc, State};
pub use flows::{CgroupRttDoc, DependencyDoc, FlowDoc, FlowsDoc, ListenerDoc, LostDoc, RestDoc};
pub use kinds::{CountDoc, DepsDoc, KindsDoc, KindsLostDoc, LatelyDoc, LatencyDoc, RecentDoc};
pub use lags::{LagDoc, LagsLostDoc, RecentLagDoc};
pub use limits::{CertificateDoc, LimitsDoc, PendingDoc};
pub use own::{CostDoc, OwnDoc, ProgramCostDoc};
pub use owners::{OwnerDoc, ProgramDoc};
pub use plan::{CgroupDoc, LimitDoc, PlanDoc, ProcessDoc, StepDoc};
pub use reaction::ReactionDoc;
pub use report::{BucketsDoc, DistributionsDoc, PointDoc, ReportDoc};
pub use saturation::{
    CounterDoc, GaugeDoc, HotDoc, MissingDoc, OverflowDoc, OverflowsDoc, PeakDoc, PlaceDoc, PlaceKind,
    PressureDoc, SaturationDoc, Unit,
};
pub use windows::{ChangeDoc, FailuresChangeDoc, FailuresDoc, GroupDoc, WindowDoc, WindowsDoc};

/// Wraps a document with the two fields that all of them have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Doc<T> {
    /// `injector.NAME/1`: changes when a field changes its meaning.
    pub schema: String,
    /// The node's host name.
    pub node: String,
    /// The document itself, in the same JSON object.
    #[serde(flatten)]
    pub body: T,
}

/// Who halted the node, why and since when.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct HaltDoc {
    /// User name or uid.
    pub by: String,
    /// Free text, may be empty.
    pub why: String,
    /// RFC 3339.
    pub since: String,
}

/// `injector.status/1`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusDoc {
    /// Set if the node is halted: nothing can be armed.
    pub halted: Option<HaltDoc>,
    /// Set if nothing can be armed for another reason (a limits file that does not parse).
    pub disarmed: Option<String>,
    /// `observe`, `shadow` or `armed`.
    pub mode: String,
    /// SHA-256 of the limits file, hex; empty without a file.
    pub limits_sha256: String,
    /// Requests that wait for a second person.
    pub pending: Vec<PendingDoc>,
    /// Kernel release.
    pub kernel: String,
    /// The daemon's instance: the tag of everything it makes.
    pub instance: String,
    /// The daemon's process id.
    pub pid: u32,
    /// Armed faults first, then those that ended, newest first (at most 100).
    pub faults: Vec<FaultDoc>,
    /// What carries our tag in this kernel, also of other instances.
    pub attached: Vec<String>,
    /// What observation lost.
    pub lost: LostDoc,
    /// What the daemon itself costs.
    #[serde(default)]
    pub own: OwnDoc,
    /// What is nearly full, or runs over, where faults are live or somebody looks.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub saturated: Vec<HotDoc>,
}

/// One thing that `doctor` tried.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ProbeDoc {
    /// What: `loss at egress`, `delay`, `fail open`, ...
    pub what: String,
    /// It works here.
    pub works: bool,
    /// The way (rung) it works, or would.
    pub how: String,
    /// What was tried and what the kernel said.
    pub why: String,
}

/// `injector.doctor/1`; with `?syscalls=true` also every system call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DoctorDoc {
    /// Kernel release.
    pub kernel: String,
    /// All probes, by loading no-op programs.
    pub probes: Vec<ProbeDoc>,
    /// Every system call of this architecture, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub syscalls: Vec<SyscallDoc>,
}

/// How one system call can be made to fail here.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SyscallDoc {
    /// Its name in the kernel's table.
    pub name: String,
    /// The family that it belongs to, if it is not the only one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub family: Option<String>,
    /// The best rung here, as `--rung` takes it; none: it can't be failed here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rung: Option<String>,
    /// Other rungs that can do it here.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<String>,
    /// What that rung covers; empty without one.
    pub covers: String,
    /// Why no better one, or why none.
    pub why: String,
}
