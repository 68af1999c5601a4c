//! How long a cgroup's requests to disks took, and its tasks waited for a CPU.

use serde::{Deserialize, Serialize};

/// One kind: samples of the kernel's in a histogram, within 5.9 %. Quantiles need as many samples as those of
/// [`super::LatencyDoc`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct LagDoc {
    /// `io_read`, `io_write`: from the device's getting a request to its end. `io_queued`: from the scheduler's queue to the
    /// device. `run_queue`: from being able to run to running.
    pub what: String,
    /// How many, since the cgroup is observed.
    pub samples: u64,
    /// Their sum, microseconds.
    pub total_us: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p50_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p90_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p99_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p999_us: Option<u64>,
    /// Of these, the last interval's; none with the first reading.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recent: Option<RecentLagDoc>,
}

/// The samples of the last interval.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct RecentLagDoc {
    /// How many.
    pub samples: u64,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p50_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p90_us: Option<u64>,
    /// Microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p99_us: Option<u64>,
}

/// What of [`LagDoc`] was lost, since the daemon started.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct LagsLostDoc {
    /// Samples of cgroups beyond the bound (1,024 with the run queue, 1,365 without).
    pub samples: u64,
    /// Requests to disks that found no room: 4,096 can be on their way at once.
    pub requests: u64,
    /// Waits for a CPU that found no room: 4,096 tasks can wait at once.
    pub tasks: u64,
    /// Samples that came out negative or longer than an hour.
    pub clock_went_backwards: u64,
    /// Requests whose end was not seen within an hour.
    pub unfinished: u64,
}

impl LagsLostDoc {
    /// What should be in the numbers and is not.
    pub fn all(&self) -> u64 {
        let all = [self.samples, self.requests, self.tasks, self.clock_went_backwards, self.unfinished];
        all.into_iter().fold(0, u64::saturating_add)
    }
}
