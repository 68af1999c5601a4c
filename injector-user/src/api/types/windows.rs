//! Before, during and after a fault: its target and everybody else.

use serde::{Deserialize, Serialize};

use super::SignalsDoc;

/// A group of sockets in one window. Quantiles are absent with too few samples: p50 needs 1, p90 20, p99 200 and
/// p99.9 2,000.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct WindowDoc {
    /// How long it was.
    pub seconds: f64,
    /// TCP round trips and segments in it.
    #[serde(flatten)]
    pub signals: SignalsDoc,
    /// Microseconds; needs 2,000 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p999_us: Option<u64>,
    /// Retransmitted segments of 100 that were sent; absent without segments.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resent_percent: Option<f64>,
    /// Segments sent in a second, as far as seen; absent where the window is too short to say (under 1 s).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segments_per_second: Option<f64>,
    /// What went wrong of what was tried; absent where that was not seen: of the control group, and before and after of who
    /// was not watched then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failures: Option<FailuresDoc>,
}

/// What went wrong, of what was tried.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct FailuresDoc {
    /// TCP connects that ended in a connection, or failed.
    pub connects: u64,
    /// Of these, those that failed: refused, timed out, given up by the program, not sent for want of a port.
    pub failed_connects: u64,
    /// TCP connections that were there at any time, of either side.
    pub connections: u64,
    /// Resets sent and received on them; those of refused connects are not among them.
    pub resets: u64,
    /// DNS queries that were answered, or not within 5 s.
    pub queries: u64,
    /// Of these, those not answered, or with an error (NXDOMAIN is one).
    pub failed_queries: u64,
}

/// Percentage points more of what failed. Absent where one of the windows has nothing that could.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct FailuresChangeDoc {
    /// Of the connects.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed_connects_points: Option<f64>,
    /// Resets on a hundred connections.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resets_points: Option<f64>,
    /// Of the DNS queries.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed_queries_points: Option<f64>,
}

/// One window less another one. What either of them has not, has no difference.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct ChangeDoc {
    /// Microseconds more; negative: fewer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p50_us: Option<i64>,
    /// See above.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p90_us: Option<i64>,
    /// See above.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p99_us: Option<i64>,
    /// See above.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtt_p999_us: Option<i64>,
    /// Percentage points more of the segments that were sent again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resent_points: Option<f64>,
    /// So many times the segments of a second before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segments_ratio: Option<f64>,
    /// What failed; absent where it was not seen in both.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failures: Option<FailuresChangeDoc>,
}

/// One group in the three windows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct GroupDoc {
    /// The minute before the fault, or as much of it as was seen; absent if nothing was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<WindowDoc>,
    /// From its arming to its end, or until now.
    pub during: WindowDoc,
    /// From its end on: a minute, or until the next fault acts. Absent until it begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<WindowDoc>,
    /// During against before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub during_change: Option<ChangeDoc>,
    /// After against before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after_change: Option<ChangeDoc>,
}

/// The three windows. TCP only.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct WindowsDoc {
    /// The sockets of the target's cgroups, whomever they talk to.
    pub target: GroupDoc,
    /// Before and after: those of all cgroups that no fault means. During: of these, whose other end is no target.
    pub control: GroupDoc,
    /// Another fault acted on the same cgroups in the window before: it is no steady state.
    #[serde(default)]
    pub disturbed: bool,
}
