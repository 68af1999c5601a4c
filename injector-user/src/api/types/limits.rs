//! Documents about what is allowed.

use serde::{Deserialize, Serialize};

use super::LimitDoc;

/// `injector.limits/1`: the node owner's limits, as the daemon holds them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LimitsDoc {
    /// Where they were read from.
    pub path: String,
    /// SHA-256 of the file's bytes, hex; empty without a file.
    pub sha256: String,
    /// `observe`, `shadow` or `armed`.
    pub mode: String,
    /// Why nothing can be armed, if the file is wrong or has changed since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wrong: Option<String>,
    /// All of them, by key.
    pub limits: serde_json::Value,
}

/// A request that exceeds a soft limit: it waits for a second person.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct PendingDoc {
    /// Short word, as of a fault.
    pub id: String,
    /// One line: what, whom.
    pub summary: String,
    /// The cgroups that its targets are: it is approved for these, and armed only while they are the same.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Who asked.
    pub by: String,
    /// RFC 3339.
    pub since: String,
    /// Which soft limits.
    pub exceeds: Vec<LimitDoc>,
    /// Who agreed, if anybody has.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approved_by: Option<String>,
}

/// `injector.certificate/1`: what shadow faults would have done on this node.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct CertificateDoc {
    /// RFC 3339: when the first shadow fault began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<String>,
    /// How many shadow faults there were.
    pub faults: u64,
    /// For how long at least one was there, seconds.
    pub seconds: u64,
    /// Packets (skbs) or calls that they meant.
    pub matched: u64,
    /// Of these, would have been faulted.
    pub would_have_acted: u64,
    /// Of these, left alone because protected.
    pub protected: u64,
    /// Faulted although protected: anything but 0 is a mistake of ours.
    pub protected_hits: u64,
    /// Different cgroups that were meant.
    pub cgroups: Vec<String>,
    /// The highest share of the node's TCP traffic that the targets of one of them had, percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub highest_share_percent: Option<f64>,
    /// Nanoseconds that the daemon's programs took a packet or call on average, measured while shadows were there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_ns: Option<f64>,
    /// Processor seconds of the daemon itself.
    pub daemon_cpu_seconds: f64,
    /// Resident memory of the daemon, bytes.
    pub daemon_rss_bytes: u64,
}
