//! What of the waiting for disks and CPUs this kernel tells.

/// Whether its programs load; else why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lags {
    /// How long requests to block devices take.
    pub io: Result<(), String>,
    /// How long tasks wait for a CPU.
    pub run_queue: Result<(), String>,
}

impl Lags {
    /// Nothing, for this reason.
    pub fn none(why: &str) -> Self {
        Self { io: Err(why.to_owned()), run_queue: Err(why.to_owned()) }
    }
}
