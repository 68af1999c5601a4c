//! What the tool itself costs and loses.

use super::Count;
use crate::{
    api::types::{CostDoc, KindsLostDoc, LagsLostDoc, LostDoc, OwnDoc},
    observe::figures::{bytes, count},
};

/// Programs that are named when they are measured.
const NAMED: usize = 3;

/// The daemon's cost and losses, in words; each list is what a screen has room for, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// What it costs; empty: it does not tell.
    pub cost: Vec<String>,
    /// What its programs cost, while somebody measures.
    pub measured: Vec<String>,
    /// What it lost; empty: nothing.
    pub lost: Vec<String>,
}

/// From the documents that have them.
pub fn own(own: &OwnDoc, lost: &LostDoc, kinds: &KindsLostDoc, cost: Option<&CostDoc>) -> Own {
    let lost = losses(lost).into_iter().chain(kinds_losses(kinds)).chain(lags_losses(kinds.lags));
    Own {
        cost: cost_parts(own),
        measured: cost.map(measured).unwrap_or_default(),
        lost: lost.filter(|one| one.n > 0).map(|one| format!("{} {}", count(one.n), one.what)).collect(),
    }
}

/// The process, and what it holds in the kernel; nothing of a daemon that does not tell.
pub fn cost_parts(own: &OwnDoc) -> Vec<String> {
    if own.rss_bytes == 0 {
        return Vec::new();
    }
    let share = if own.up_seconds > 0.0 { own.cpu_seconds / own.up_seconds * 100.0 } else { 0.0 };
    let mut parts = vec![
        format!("{share:.1} % of a processor since the start"),
        format!("{} resident", bytes(own.rss_bytes)),
        format!("{} in {} maps", bytes(own.maps_bytes), count(own.maps)),
        format!("{} in {} programs", bytes(own.programs_bytes), count(own.programs)),
    ];
    let wrong =
        [(own.missed, "runs missed by the kernel"), (own.clock_backwards, "times the clock went backwards")];
    parts.extend(wrong.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(n))));
    parts
}

fn measured(cost: &CostDoc) -> Vec<String> {
    let ran = cost.programs.iter().filter_map(|one| Some((&one.name, one.ns_per_run?)));
    let named = ran.take(NAMED).map(|(name, ns)| format!("{name} {ns:.1} ns a run"));
    [format!("{:.2} % of a processor", cost.programs_cpu_percent)].into_iter().chain(named).collect()
}

/// What of flows and packets was lost, in words, without zeros.
pub fn own_losses(lost: &LostDoc) -> Vec<String> {
    own(&OwnDoc::default(), lost, &KindsLostDoc::default(), None).lost
}

fn losses(lost: &LostDoc) -> [Count; 9] {
    // Without `..`: a new loss has to be named here.
    let LostDoc {
        flows_refused,
        flows_no_memory,
        samples_no_memory,
        dependencies_full,
        bad_samples,
        cgroups_full,
        unattributed,
        unparsed,
        events,
    } = *lost;
    [
        ("flows over the bound", flows_refused),
        ("packets of flows without memory", flows_no_memory),
        ("packets without memory for their round trips", samples_no_memory),
        ("ended flows without a place", dependencies_full),
        ("bad samples", bad_samples),
        ("packets of cgroups without a place", cgroups_full),
        ("packets without an owner", unattributed),
        ("packets not understood", unparsed),
        ("failed calls one by one", events),
    ]
    .map(|(what, n)| Count { what: what.to_owned(), n })
}

fn kinds_losses(lost: &KindsLostDoc) -> [Count; 6] {
    let KindsLostDoc {
        samples,
        events,
        queries,
        sockets,
        clock_went_backwards,
        handshakes,
        // Of cgroups that nobody asked for, too; and no loss.
        drops_unattributed: _,
        drops_injected: _,
        // Below.
        lags: _,
        not_measured: _,
    } = lost;
    [
        ("latencies without a place", samples),
        ("errors or drops without a place", events),
        ("DNS queries without a place", queries),
        ("sockets without memory", sockets),
        ("latencies by a clock that went backwards", clock_went_backwards),
        ("handshakes whose begin was not seen", handshakes),
    ]
    .map(|(what, n)| Count { what: what.to_owned(), n: *n })
}

fn lags_losses(lost: LagsLostDoc) -> [Count; 5] {
    let LagsLostDoc { samples, requests, tasks, clock_went_backwards, unfinished } = lost;
    [
        ("waits of cgroups without a place", samples),
        ("requests to disks without a place", requests),
        ("waits for a CPU without a place", tasks),
        ("waits by a clock that went backwards", clock_went_backwards),
        ("requests to disks whose end was missed", unfinished),
    ]
    .map(|(what, n)| Count { what: what.to_owned(), n })
}
