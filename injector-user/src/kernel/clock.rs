//! The clock of the kernel programs.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// What `bpf_ktime_get_ns` gives at this moment: `CLOCK_MONOTONIC`, which stands still while the host sleeps. In a time
/// namespace whose offset of it is not 0 it would be another clock.
pub fn ktime() -> Duration {
    // There is no Linux without this clock that can load our programs.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}
