//! A fault, and what came of it.

use serde::{Deserialize, Serialize};

use super::{
    AchievedDoc, AmplificationDoc, CountersDoc, NothingMatchedDoc, ReactionDoc, WindowDoc, WindowsDoc,
};
use crate::spec::FaultSpec;

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
    /// Round trips, retransmits, or what failed of what was tried, are not yet what they were before.
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

/// What the last word on the recovery was said of.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct JudgedDoc {
    /// The target before the fault.
    pub before: WindowDoc,
    /// The target in the last window after it that had samples enough.
    pub now: WindowDoc,
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
    /// Sockets that matched when it was armed; absent where sockets do not say what is hit (faults of connections that
    /// begin, of DNS, of ICMP, of calls).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flows: Option<u64>,
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
    /// What came of it, beside what was asked.
    #[serde(default)]
    pub achieved: AchievedDoc,
    /// What the target did next: of a fault of calls.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reaction: Option<ReactionDoc>,
    /// Set while a fault of the network has matched nothing, or only what is protected, for 5 s or longer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nothing_matched: Option<NothingMatchedDoc>,
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
    /// What happened to it that a person should know: a name that means other addresses, an interface that came later.
    /// The last 32, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// Set some time after it has ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovery: Option<RecoveryDoc>,
    /// What that was judged by: round trips, the share of segments that were sent again, and failures where they were seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovery_judged: Option<JudgedDoc>,
    /// Before, during and after; only where one fault is asked for, not in lists.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub windows: Option<WindowsDoc>,
    /// What the target asks of its dependencies, the ones with the most bytes first: at most 20 and the sum of the others.
    /// Where `windows` is.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub amplification: Vec<AmplificationDoc>,
}

/// `injector.faults/1`: several faults, such as all that were stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FaultsDoc {
    /// Newest first.
    pub faults: Vec<FaultDoc>,
}
