//! What the tool itself costs and loses.

use super::Count;
use crate::{
    api::types::{CertificateDoc, LostDoc},
    observe::figures::{bytes, count},
};

/// The daemon's cost and losses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own {
    /// Processor seconds of the daemon since it started; `None`: it was not told.
    pub cpu_seconds: Option<f64>,
    /// Its resident memory, bytes.
    pub rss_bytes: Option<u64>,
    /// Nanoseconds of its programs for a packet or call, where that was measured.
    pub cost_ns: Option<f64>,
    /// What it lost, by kind; without zeros.
    pub lost: Vec<Count>,
}

/// From the documents that have them.
pub fn own(lost: &LostDoc, certificate: Option<&CertificateDoc>) -> Own {
    // Without `..`: a new loss has to be named here.
    let LostDoc {
        flows_refused,
        flows_no_memory,
        dependencies_full,
        bad_samples,
        cgroups_full,
        unattributed,
        unparsed,
        events,
    } = *lost;
    let all = [
        ("flows over the bound", flows_refused),
        ("flows without memory", flows_no_memory),
        ("ended flows without a place", dependencies_full),
        ("bad samples", bad_samples),
        ("packets of cgroups without a place", cgroups_full),
        ("packets without an owner", unattributed),
        ("packets not understood", unparsed),
        ("failed calls one by one", events),
    ];
    Own {
        cpu_seconds: certificate.map(|doc| doc.daemon_cpu_seconds),
        rss_bytes: certificate.map(|doc| doc.daemon_rss_bytes),
        cost_ns: certificate.and_then(|doc| doc.cost_ns),
        lost: all.into_iter().filter(|(_, n)| *n > 0).map(|(what, n)| Count { what, n }).collect(),
    }
}

impl Own {
    /// What it costs.
    pub fn cost(&self) -> String {
        let parts = [
            self.cpu_seconds.map(|seconds| format!("{seconds:.1} s of CPU")),
            self.rss_bytes.map(|rss| format!("{} of memory", bytes(rss))),
            self.cost_ns.map(|ns| format!("{ns} ns a packet or call")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        let cost = if parts.is_empty() { "not told".to_owned() } else { parts.join(", ") };
        format!("the daemon's own cost: {cost}")
    }

    /// What it lost.
    pub fn losses(&self) -> String {
        let lost: Vec<_> = self.lost.iter().map(|one| format!("{} {}", count(one.n), one.what)).collect();
        format!(
            "not observed: {}",
            if lost.is_empty() { "nothing is missing".to_owned() } else { lost.join(", ") }
        )
    }

    /// Both in a line.
    pub fn line(&self) -> String {
        format!("{}; {}", self.cost(), self.losses())
    }
}
