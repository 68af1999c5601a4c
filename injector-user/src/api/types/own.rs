//! What injector itself costs.

use serde::{Deserialize, Serialize};

/// What the daemon takes, and what it holds in the kernel.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct OwnDoc {
    /// Processor seconds of the daemon since it started.
    pub cpu_seconds: f64,
    /// Since when it runs, seconds: the processor's share is the one divided by the other.
    pub up_seconds: f64,
    /// Resident memory of the daemon, bytes.
    pub rss_bytes: u64,
    /// Kernel memory of its maps, bytes, as the kernel tells it. What lives with sockets is not in it.
    pub maps_bytes: u64,
    /// Its maps.
    pub maps: u64,
    /// Kernel memory of its programs, bytes.
    pub programs_bytes: u64,
    /// Its programs that are loaded.
    pub programs: u64,
    /// How often the kernel did not run one of these because it was running on that CPU already.
    pub missed: u64,
    /// How often the wall clock was seen to go backwards: times of then may be wrong.
    pub clock_backwards: u64,
}

/// What one program costs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct ProgramCostDoc {
    /// Its name in the kernel.
    pub name: String,
    /// How often it ran while it was measured.
    pub runs: u64,
    /// Nanoseconds a run, on average; absent where it did not run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ns_per_run: Option<f64>,
}

/// `injector.cost/1`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct CostDoc {
    /// The daemon, and what it holds.
    pub own: OwnDoc,
    /// For how long the programs were measured.
    pub measured_ms: u64,
    /// Those that are loaded, the one that took the most time first.
    pub programs: Vec<ProgramCostDoc>,
    /// The share of one processor that all of them took, percent.
    pub programs_cpu_percent: f64,
}
