//! Everything that is known of one fault, for a report.

use serde::{Deserialize, Serialize};

use super::FaultDoc;

/// Round trips of a group in a window: (smallest microseconds of the bucket, samples in it), without empty buckets,
/// ascending.
pub type BucketsDoc = Vec<(u32, u64)>;

/// The distributions of one group. A window that there is not is empty.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct DistributionsDoc {
    /// See [`super::WindowsDoc`].
    pub before: BucketsDoc,
    /// See above.
    pub during: BucketsDoc,
    /// See above.
    pub after: BucketsDoc,
}

/// What a fault had done by a moment of its life.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct PointDoc {
    /// Milliseconds since it was armed.
    pub at_ms: u64,
    /// Packets (skbs) or calls that it meant, so far.
    pub matched: u64,
    /// Those that it faulted, or would have as a shadow, so far.
    pub acted: u64,
}

/// `injector.report/1`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportDoc {
    /// When it was made, RFC 3339.
    pub at: String,
    /// Kernel release.
    pub kernel: String,
    /// The fault, with its windows and its amplification.
    pub fault: FaultDoc,
    /// Round trips of its target.
    pub target: DistributionsDoc,
    /// Those of the control group.
    pub control: DistributionsDoc,
    /// At most 600 points, a second apart or, in a long life, more.
    pub timeline: Vec<PointDoc>,
}
