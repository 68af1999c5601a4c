//! How much more a target asks of its dependencies during a fault: a retry storm is a number.

use serde::{Deserialize, Serialize};

/// What went to one dependency in a window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct PaceDoc {
    /// How long the window was.
    pub seconds: f64,
    /// New connections (flows); absent where those that were there before can't be told from new ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connections: Option<u64>,
    /// Segments that the target sent.
    pub segments: u64,
    /// Bytes that it sent, from the IP header on.
    pub bytes: u64,
}

/// One dependency of a fault's target, before and during the fault.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct AmplificationDoc {
    /// Path of the cgroup, or its id if it is gone.
    pub cgroup: String,
    /// `out` (the service is remote) or `in` (it is this one).
    pub side: String,
    /// `address:port`, `*:port` for clients of a local service; `other`: all that are not listed.
    pub service: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Absent if the target was not watched before the fault.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<PaceDoc>,
    /// From the fault's arming to its end, or until the last look, at most 5 s ago.
    pub during: PaceDoc,
    /// New connections in a second during the fault, against before; absent without any before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connections_ratio: Option<f64>,
    /// The same of segments.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segments_ratio: Option<f64>,
    /// The same of bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes_ratio: Option<f64>,
}
