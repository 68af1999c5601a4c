//! What went wrong, of what was tried: failed connects of connects, resets of connections, failed DNS queries of queries.

use std::collections::HashMap;

use injector_ebpf::dep::{CONNECT, DNS, DNS_CODE, DNS_TIMEOUT, HANDSHAKE, RESET_RECEIVED, RESET_SENT};

use super::Snapshot;
use crate::api::types::{FailuresChangeDoc, FailuresDoc};

/// IPPROTO_TCP
const TCP: u32 = 6;

/// Sums of one cgroup, or of several, since ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Connections that were established from this side.
    established: u64,
    failed_connects: u64,
    /// TCP connections that are open, of both sides.
    open: u64,
    /// Those that ended.
    ended: u64,
    resets: u64,
    answered: u64,
    unanswered: u64,
    /// Of the answered ones, those with an error.
    refused: u64,
}

/// By cgroup.
pub type TriedBy = HashMap<u64, Tried>;

/// Of all cgroups of a snapshot.
pub fn tried_by(snapshot: &Snapshot) -> TriedBy {
    let mut all = TriedBy::new();
    for flow in snapshot.flows.iter().filter(|flow| u32::from(flow.protocol) == TCP) {
        all.entry(flow.cgroup).or_default().open += 1;
    }
    for (key, value) in snapshot.deps.iter().filter(|(key, _)| key.protocol == TCP) {
        more(&mut all.entry(key.cgroup).or_default().ended, value.flows);
    }
    for (key, times) in &snapshot.kinds.times {
        let of = all.entry(key.dep.cgroup).or_default();
        match key.kind {
            HANDSHAKE => more(&mut of.established, times.samples),
            DNS => more(&mut of.answered, times.samples),
            _ => {}
        }
    }
    for (key, count) in &snapshot.kinds.counts {
        let of = all.entry(key.dep.cgroup).or_default();
        match key.what {
            CONNECT => more(&mut of.failed_connects, *count),
            RESET_SENT | RESET_RECEIVED => more(&mut of.resets, *count),
            DNS_CODE => more(&mut of.refused, *count),
            DNS_TIMEOUT => more(&mut of.unanswered, *count),
            _ => {}
        }
    }
    all
}

fn more(sum: &mut u64, n: u64) {
    *sum = sum.saturating_add(n);
}

impl Tried {
    /// Of these cgroups together.
    pub fn of(all: &TriedBy, ids: &[u64]) -> Self {
        let mut sum = Self::default();
        for one in ids.iter().filter_map(|id| all.get(id)) {
            more(&mut sum.established, one.established);
            more(&mut sum.failed_connects, one.failed_connects);
            more(&mut sum.open, one.open);
            more(&mut sum.ended, one.ended);
            more(&mut sum.resets, one.resets);
            more(&mut sum.answered, one.answered);
            more(&mut sum.unanswered, one.unanswered);
            more(&mut sum.refused, one.refused);
        }
        sum
    }

    /// What came since. Never negative: tables lose what belongs to nobody any more.
    pub fn since(&self, before: &Self) -> FailuresDoc {
        let less = |now: u64, before: u64| now.saturating_sub(before);
        let (failed_connects, unanswered) =
            (less(self.failed_connects, before.failed_connects), less(self.unanswered, before.unanswered));
        FailuresDoc {
            connects: less(self.established, before.established).saturating_add(failed_connects),
            failed_connects,
            // Those that were there at any time: all that ever were, but for those that ended before.
            connections: less(self.open.saturating_add(self.ended), before.ended),
            resets: less(self.resets, before.resets),
            queries: less(self.answered, before.answered).saturating_add(unanswered),
            failed_queries: less(self.refused, before.refused).saturating_add(unanswered),
        }
    }
}

/// So many of so many; `None` of none.
fn share(bad: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| bad as f64 / all as f64)
}

/// Failed connects of connects, resets of connections, failed queries of queries: 1 is all of them, resets can be more.
pub fn shares(failures: &FailuresDoc) -> [Option<f64>; 3] {
    [
        share(failures.failed_connects, failures.connects),
        share(failures.resets, failures.connections),
        share(failures.failed_queries, failures.queries),
    ]
}

/// `now` less `before`; what either of them has none of, has no difference.
pub fn change(before: &FailuresDoc, now: &FailuresDoc) -> FailuresChangeDoc {
    let [was, is] = [shares(before), shares(now)];
    let points = |at: usize| is[at].zip(was[at]).map(|(now, before)| (now - before) * 100.0);
    FailuresChangeDoc {
        failed_connects_points: points(0),
        resets_points: points(1),
        failed_queries_points: points(2),
    }
}

#[cfg(test)]
pub mod tests {
    use injector_ebpf::{
        dep::{CountKey, NOT_SENT, TimeKey, Times},
        flow::DepKey,
        hist::BUCKETS,
    };

    use super::*;
    use crate::observe::samples::{ended, flow, snapshot};

    /// A snapshot of cgroup 7: connections that are open and that ended, connects, DNS answers, and what went wrong.
    pub fn tried(open: u16, closed: u32, times: [(u32, u64); 2], wrong: &[(u32, u32, u64)]) -> Snapshot {
        let (dep, mut value) = ended(7, 5, 5432, 0);
        value.flows = closed.into();
        let flows = (0..open).map(|port| flow(7, 40_000 + port, 5, 5432, 1)).collect();
        let mut all = snapshot(flows, vec![(dep, value)]);
        let dep = |kind: u32| DepKey { protocol: if kind == DNS { 17 } else { 6 }, ..dep };
        all.kinds.times = times
            .map(|(kind, samples)| {
                (TimeKey { dep: dep(kind), kind, pad: 0 }, Times { samples, buckets: [0; BUCKETS] })
            })
            .to_vec();
        all.kinds.counts = wrong
            .iter()
            .map(|(what, detail, n)| (CountKey { dep: dep(0), what: *what, detail: *detail }, *n))
            .collect();
        all.watched = vec![7];
        all
    }

    #[test]
    fn each_kind_of_failure_is_of_what_was_tried() {
        let wrong = |n: u64| {
            [
                (CONNECT, 111, 2 * n),
                (CONNECT, NOT_SENT, n),
                (RESET_SENT, 0, n),
                (RESET_RECEIVED, 0, 2 * n),
                (DNS_CODE, 3, 4 * n),
                (DNS_TIMEOUT, 0, n),
            ]
        };
        let before = tried_by(&tried(4, 10, [(HANDSHAKE, 14), (DNS, 50)], &wrong(1)));
        let now = tried_by(&tried(6, 13, [(HANDSHAKE, 31), (DNS, 70)], &wrong(2)));
        let came = Tried::of(&now, &[7, 9]).since(&Tried::of(&before, &[7, 9]));
        // 4 were open, 5 came: 9 were there.
        let all = FailuresDoc {
            connects: 20,
            failed_connects: 3,
            connections: 9,
            resets: 3,
            queries: 21,
            failed_queries: 5,
        };
        assert_eq!(came, all);
        assert_eq!(shares(&came), [Some(0.15), Some(3.0 / 9.0), Some(5.0 / 21.0)]);
        assert_eq!(shares(&FailuresDoc::default()), [None; 3]);
        let more = change(&FailuresDoc { connects: 10, ..FailuresDoc::default() }, &came);
        assert_eq!(
            (more.failed_connects_points, more.resets_points, more.failed_queries_points),
            (Some(15.0), None, None),
            "there were no connections and no queries before"
        );
        assert_eq!(
            Tried::of(&before, &[7]).since(&Tried::of(&now, &[7])).failed_connects,
            0,
            "never negative"
        );
        assert_eq!(Tried::of(&now, &[8]), Tried::default(), "somebody else");
    }
}
