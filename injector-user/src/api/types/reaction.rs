//! What a target did after calls of its were failed.

use serde::{Deserialize, Serialize};

/// Of one fault of calls, from the kernel.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ReactionDoc {
    /// How often the fault backed off: a thread had 1,000 calls in a row failed within a second. Its calls pass for
    /// 100 ms then.
    pub livelocks: u64,
    /// Calls that passed for that reason.
    pub passed_livelock: u64,
    /// Failed calls after which the same thread made the same system call again within a second, whatever its arguments.
    pub retried: u64,
    /// Processes that ended, however, within ten seconds after a failed call.
    pub exited: u64,
    /// Of these, those after which a program of the same name began in a cgroup of the target within a minute.
    pub restarted: u64,
    /// Failed calls whose descriptor the process closed within a second. Absent where it can't be seen, and where no call
    /// has a descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<u64>,
    /// The calls have descriptors, and this kernel does not let us see whether they are closed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub closes_unseen: bool,
}
