//! The documents of the API: what `--json` prints, what `curl --unix-socket` gets, what the CLI renders.
//!
//! Every document has `schema` and `node`. Times are RFC 3339 in UTC; durations are milliseconds and say so in
//! their names; latencies are microseconds.

mod limits;

use serde::{Deserialize, Serialize};

pub use limits::{CertificateDoc, LimitsDoc, PendingDoc};

use crate::spec::FaultSpec;

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
    /// Sockets of the target that match now.
    pub flows: u64,
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
    /// Why it could not be armed as things are (the node's mode, a halt), if so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked: Option<String>,
    /// What is attached, in order; it is undone in reverse.
    pub steps: Vec<StepDoc>,
    /// The way that a syscall is made to fail, and why this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rung: Option<String>,
    /// What outlives the fault.
    pub leaves_behind: Vec<String>,
    /// What the person should know.
    pub warnings: Vec<String>,
}

/// Counters of one fault, from the kernel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct CountersDoc {
    /// Packets (skbs) or calls that the fault means.
    pub matched: u64,
    /// Of these, faulted.
    pub acted: u64,
    /// Segments on the wire that `matched` stands for.
    pub matched_wire: u64,
    /// Segments on the wire that `acted` stands for.
    pub acted_wire: u64,
    /// Bytes of the faulted packets.
    pub acted_bytes: u64,
    /// A shadow would have faulted so many.
    pub shadow: u64,
    /// Segments on the wire that `shadow` stands for.
    pub shadow_wire: u64,
    /// Let through by chance, by the deadline, by a budget (in total, in this second), because protected.
    pub passed_chance: u64,
    /// See above.
    pub passed_deadline: u64,
    /// See above.
    pub passed_budget: u64,
    /// See above.
    pub passed_rate: u64,
    /// See above.
    pub passed_protected: u64,
    /// Calls whose path could not be read: let through.
    pub unreadable: u64,
    /// Calls that reached the hook from other syscalls (execve, io_uring): let through.
    pub other_call: u64,
    /// Packets that our delay device lost because its queue was full.
    pub tail_drops: u64,
    /// Packets that were still held when the device had to go: lost.
    pub lost_in_drain: u64,
}

/// The achieved rate with its 95 % interval, in percent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct RateDoc {
    /// What was asked.
    pub asked: f64,
    /// acted / matched.
    pub achieved: f64,
    /// Wilson interval, lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Latency and errors of a group of sockets in a window. Quantiles are absent with too few samples.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct SignalsDoc {
    /// RTT samples in the window.
    pub samples: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p50_us: Option<u64>,
    /// Microseconds; needs 20 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p90_us: Option<u64>,
    /// Microseconds; needs 200 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p99_us: Option<u64>,
    /// Segments sent, as far as seen.
    pub segments: u64,
    /// Retransmitted.
    pub retransmits: u64,
}

/// `shadow`, `armed`, `draining` (nothing is selected any more, held packets are being delivered), `ended`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It matches and counts, and does nothing.
    Shadow,
    /// It acts.
    Armed,
    /// It selects nothing any more; what it holds is being delivered.
    Draining,
    /// Nothing of it is left.
    Ended,
}

/// Why a fault ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum EndKind {
    /// Its time was over.
    Expired,
    /// Somebody stopped it (`stop`, Ctrl-C, a closed connection).
    Stopped,
    /// The node was halted.
    Halted,
    /// The control group was hurt, or the delay device lost packets.
    Aborted,
    /// Its budget was spent.
    Budget,
    /// The target is gone.
    TargetLost,
    /// Something of it was removed or changed by somebody else.
    Drift,
    /// The daemon's heartbeat had stopped for longer than the lease.
    Lapsed,
    /// The daemon was told to end.
    Shutdown,
}

/// How the target came back after a fault.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RecoveryDoc {
    /// Round trips and retransmits are not yet what they were before.
    Waiting,
    /// They are.
    Recovered {
        /// Seconds from the last fault.
        after_s: u64,
    },
    /// They are still not.
    NotRecovered {
        /// Seconds from the last fault.
        after_s: u64,
    },
    /// It cannot be told.
    Unknown {
        /// Too few samples, before or after.
        why: String,
    },
}

/// What is left after a fault: the proof of clean.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct CleanDoc {
    /// Links, filters, devices and maps' rules that are still there. Empty: clean.
    pub left: Vec<String>,
    /// What was removed.
    pub removed: Vec<String>,
    /// Milliseconds from the request to the last selected packet or call, if one came after the request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_fault_after_ms: Option<u64>,
    /// Milliseconds from the request until nothing was left.
    pub took_ms: u64,
}

/// `injector.fault/1`: one fault, armed or ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FaultDoc {
    /// Short word: `drop-7k3`.
    pub id: String,
    /// The name that the user gave.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// See [`State`].
    pub state: State,
    /// One line: what, whom.
    pub summary: String,
    /// What was asked.
    pub spec: FaultSpec,
    /// cgroups it acts on now.
    pub cgroups: u64,
    /// Processes in them now.
    pub processes: u64,
    /// Sockets that matched when it was armed.
    pub flows: u64,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339: when it ends by itself.
    pub ends: String,
    /// Milliseconds left.
    pub left_ms: u64,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<String>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<EndKind>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_reason: Option<String>,
    /// The way a syscall is made to fail.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rung: Option<String>,
    /// From the kernel.
    pub counters: CountersDoc,
    /// Absent for a delay and while nothing matched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rate: Option<RateDoc>,
    /// Since it was armed.
    pub target: SignalsDoc,
    /// The control group (all sockets that are no target) since it was armed.
    pub control: SignalsDoc,
    /// `ok`, `not judged: ...`, `hurt: ...`
    pub control_verdict: String,
    /// The share at present, percent; of a ramp, where it has come to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent_now: Option<f64>,
    /// Who armed it.
    pub by: String,
    /// Set when it has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clean: Option<CleanDoc>,
    /// Set some time after it has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovery: Option<RecoveryDoc>,
}

/// `injector.faults/1`: several faults, such as all that were stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FaultsDoc {
    /// Newest first.
    pub faults: Vec<FaultDoc>,
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
}

/// What observation lost: every field is a count since the daemon started.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct LostDoc {
    /// Flows beyond the bound.
    pub flows_refused: u64,
    /// Flows for which the kernel had no memory.
    pub flows_no_memory: u64,
    /// Ended flows that found no place.
    pub dependencies_full: u64,
    /// Samples that came out negative.
    pub bad_samples: u64,
    /// Packets of cgroups that found no place in the table of cgroups.
    pub cgroups_full: u64,
    /// Packets without an owner.
    pub unattributed: u64,
    /// Packets of targets that could not be parsed.
    pub unparsed: u64,
}

/// One flow.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct FlowDoc {
    /// Path of the cgroup, or its id if it is gone.
    pub cgroup: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `address:port`.
    pub local: String,
    /// `address:port`, `*` for an unconnected socket.
    pub remote: String,
    /// Segments.
    pub tx_segments: u64,
    /// Bytes from the IP header on.
    pub tx_bytes: u64,
    /// Segments.
    pub rx_segments: u64,
    /// Bytes.
    pub rx_bytes: u64,
    /// Retransmitted skbs.
    pub retransmits: u64,
    /// Segments that we lost.
    pub injected_drops: u64,
    /// Segments that we delayed.
    pub injected_delays: u64,
    /// RTT samples.
    pub rtt_samples: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p50_us: Option<u64>,
    /// Microseconds; needs 20 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p90_us: Option<u64>,
    /// Microseconds; needs 200 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p99_us: Option<u64>,
    /// Send buffer in use, bytes.
    pub sndbuf_used: u64,
    /// Its limit, bytes.
    pub sndbuf_limit: u64,
    /// The fullest it was, percent.
    pub sndbuf_peak_percent: f64,
}

/// Sums of flows to one service.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct DependencyDoc {
    /// Path of the cgroup, or its id if it is gone.
    pub cgroup: String,
    /// `out` (the service is remote) or `in` (it is this one).
    pub side: String,
    /// `address:port`, `*:port` for clients of a local service.
    pub service: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Flows that are open.
    pub open: u64,
    /// Flows that ended.
    pub ended: u64,
    /// Sums, as in [`FlowDoc`], over open and ended ones.
    pub tx_segments: u64,
    /// See above.
    pub tx_bytes: u64,
    /// See above.
    pub rx_segments: u64,
    /// See above.
    pub rx_bytes: u64,
    /// See above.
    pub retransmits: u64,
    /// See above.
    pub injected_drops: u64,
    /// See above.
    pub injected_delays: u64,
    /// RTT over all of them.
    pub rtt_samples: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p50_us: Option<u64>,
    /// Microseconds; needs 20 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p90_us: Option<u64>,
    /// Microseconds; needs 200 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p99_us: Option<u64>,
}

/// A listening socket of a watched cgroup.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ListenerDoc {
    /// Path of the cgroup, or its id.
    pub cgroup: String,
    /// `address:port`.
    pub local: String,
    /// Connections that wait to be accepted.
    pub accept_queue: u64,
    /// How many may.
    pub accept_limit: u64,
}

/// `injector.flows/1`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FlowsDoc {
    /// RFC 3339.
    pub at: String,
    /// cgroups that are watched.
    pub watched: Vec<String>,
    /// Open flows.
    pub flows: Vec<FlowDoc>,
    /// Sums over open and ended flows.
    pub dependencies: Vec<DependencyDoc>,
    /// Listeners.
    pub listeners: Vec<ListenerDoc>,
    /// What is missing here.
    pub lost: LostDoc,
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

/// `injector.doctor/1`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DoctorDoc {
    /// Kernel release.
    pub kernel: String,
    /// All probes, by loading no-op programs.
    pub probes: Vec<ProbeDoc>,
}
