//! Calls that were failed, one by one.

use serde::{Deserialize, Serialize};

/// One failed call.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct EventDoc {
    /// RFC 3339 with microseconds.
    pub time: String,
    /// The fault's id; absent if it is not known any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
    /// The process, in the host's pid namespace.
    pub pid: u32,
    /// Its thread.
    pub tid: u32,
    /// The thread's name, at most 15 bytes.
    pub comm: String,
    /// Path of the task's cgroup, or its id if it is gone.
    pub cgroup: String,
    /// Its name, or its number if this program does not know it.
    pub syscall: String,
    /// The first path among its arguments, as the program typed it; its first 128 bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// `address:port` of connect, bind and sendto over IP.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peer: Option<String>,
    /// What the call returned: an errno's name.
    pub errno: String,
}

/// Failed calls that were not told, since the daemon started.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct EventsLostDoc {
    /// Beyond 1,000 in a second on this node.
    pub left_out: u64,
    /// The daemon did not read fast enough.
    pub ring_full: u64,
    /// This reader did not: what was told meanwhile and is gone.
    pub lagged: u64,
}

impl EventsLostDoc {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.left_out.saturating_add(self.ring_full).saturating_add(self.lagged)
    }
}

/// `injector.events/1`: the last ones, or those since the line before.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct EventsDoc {
    /// Oldest first.
    pub events: Vec<EventDoc>,
    /// Sums, not differences.
    pub lost: EventsLostDoc,
}
