//! How full things are: what is used of what there is, and what ran over.

use serde::{Deserialize, Serialize};

use super::{LagDoc, LagsLostDoc};

/// What a place is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// The whole node.
    Node,
    /// A cgroup of a target, with all below it.
    Cgroup,
    /// A network namespace in which a target's processes are.
    Namespace,
    /// A listening TCP socket of a target.
    Listener,
    /// All TCP connections between a cgroup and a service.
    Dependency,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Pages of memory.
    Pages,
    /// Things: descriptors, ports, packets, connections ...
    Count,
    /// Thousandths of a CPU.
    Millicores,
    /// Microseconds of the interval.
    Micros,
}

/// How much of something is in use.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct GaugeDoc {
    /// `memory`, `pids`, `fds`, `ports`, `accept_queue` ... as in docs/OBSERVING.md.
    pub what: String,
    /// Which one, where a place has several: a process, a peer, an interface.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<String>,
    /// In use.
    pub used: u64,
    /// The most there can be; none: there is no limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<u64>,
    /// `used` of `limit`; some limits let one more in, hence more than 100.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<f64>,
    /// The unit of `used` and `limit`.
    pub unit: Unit,
}

/// Something that the kernel counts.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct CounterDoc {
    /// `throttled_periods`, `listen_overflows` ... as in docs/OBSERVING.md.
    pub what: String,
    /// Which one, where a place has several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<String>,
    /// Since the kernel counts.
    pub total: u64,
    /// Over the last interval; none with the first reading.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_second: Option<f64>,
    /// Counts what was turned away, lost or held up, so any is too many; else just traffic.
    pub overflow: bool,
}

/// Pressure stall information of one resource.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct PressureDoc {
    /// `cpu`, `memory` or `io`.
    pub what: String,
    /// Share of the last interval in which some task waited for it, percent; none with the first reading.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub some_percent: Option<f64>,
    /// The same for all tasks at once; also none where the kernel doesn't say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full_percent: Option<f64>,
    /// The kernel's average over 10 s, percent.
    pub some_avg10: f64,
    /// See above.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full_avg10: Option<f64>,
    /// Microseconds since the cgroup (or the host) began.
    pub some_total_us: u64,
    /// See above.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full_total_us: Option<u64>,
}

/// Something that cannot be told here.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct MissingDoc {
    /// The gauge, counter or pressure.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// One place with all that is known of it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct PlaceDoc {
    /// What it is.
    pub kind: PlaceKind,
    /// A cgroup's path, `net:[4026531840]`, a listener's or service's `address:port` (`*:port`: clients of a local service).
    pub name: String,
    /// Whose: for listeners and dependencies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cgroup: Option<String>,
    /// The network namespace's inode, of what is in one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub netns: Option<u64>,
    /// The cgroups of targets that are in this namespace.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub members: Vec<String>,
    /// What is in use.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gauges: Vec<GaugeDoc>,
    /// What was counted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub counters: Vec<CounterDoc>,
    /// What was waited for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pressures: Vec<PressureDoc>,
    /// How long its requests to disks took and its tasks waited for a CPU.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub lags: Vec<LagDoc>,
    /// What cannot be told here.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub missing: Vec<MissingDoc>,
}

/// One thing that is nearly full or runs over.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct HotDoc {
    /// Where: a cgroup's path, or what is named within it.
    pub place: String,
    /// The gauge, counter or pressure.
    pub what: String,
    /// In words: `8 of 7 (114 %)`.
    pub says: String,
}

/// What ran over during a fault.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct OverflowDoc {
    /// Where, as in [`HotDoc`].
    pub place: String,
    /// The counter.
    pub what: String,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<String>,
    /// How often since the fault began.
    pub count: u64,
}

/// The fullest that something was during a fault.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct PeakDoc {
    /// Where, as in [`HotDoc`].
    pub place: String,
    /// The gauge.
    pub what: String,
    /// Percent, at a reading.
    pub percent: f64,
}

/// What ran over where a fault's target is, since the fault began.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct OverflowsDoc {
    /// The fault.
    pub fault: String,
    /// When counting began, RFC 3339.
    pub since: String,
    /// How much later than the fault that was; 0: before it.
    pub late_ms: u64,
    /// It has ended: these are the final numbers, of the last reading before its end.
    pub ended: bool,
    /// What ran over, most first; what is not named did not.
    pub overflows: Vec<OverflowDoc>,
    /// The fullest of each kind, fullest first.
    pub peaks: Vec<PeakDoc>,
}

/// `injector.saturation/1`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct SaturationDoc {
    /// RFC 3339.
    pub at: String,
    /// Over how long rates are; none with the first reading.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval_ms: Option<u64>,
    /// What this reading took, microseconds.
    pub took_us: u64,
    /// Targets, and what they are in.
    pub places: Vec<PlaceDoc>,
    /// What is nearly full or runs over.
    pub hot: Vec<HotDoc>,
    /// Faults that are live, and those that ended lately.
    pub faults: Vec<OverflowsDoc>,
    /// What of the lags was lost.
    #[serde(default)]
    pub lost: LagsLostDoc,
    /// What was too much to read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left_out: Vec<String>,
}
