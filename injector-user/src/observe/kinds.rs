//! Kinds of latency and of what goes wrong, by dependency: names and quantiles from the kernel's numbers.

use std::collections::{BTreeMap, HashMap};

use injector_ebpf::{
    dep::{
        ACCEPT, CONNECT, CountKey, DATAGRAM, DNS, DNS_CODE, DNS_TIMEOUT, DROPPED, DepLost, FIRST_BYTE,
        HANDSHAKE, KINDS, NOT_SENT, OVERLAP, RESET_RECEIVED, RESET_SENT, TIMEOUT, TimeKey, Times,
    },
    flow::DepKey,
};

use super::{
    freed::is_no_error,
    lags::{LagsLost, lags_lost},
    quantile::quantiles,
};
use crate::{
    api::types::{CountDoc, KindsDoc, KindsLostDoc, LatencyDoc},
    spec::Errno,
};

/// Of so many exchanges that overlap in a hundred, and more, the others' times are not told either: which answer is
/// whose is not known there.
const OVERLAP_PERCENT: u64 = 10;

/// Raw numbers of one moment.
#[derive(Clone, Debug, Default)]
pub struct RawKinds {
    /// Latencies.
    pub times: Vec<(TimeKey, Times)>,
    /// What went wrong, and what overlapped; a key may be there twice.
    pub counts: Vec<(CountKey, u64)>,
    /// What was lost of them.
    pub lost: DepLost,
    /// The kernel's names of the reasons for which it drops.
    pub reasons: BTreeMap<u32, String>,
    /// What this kernel does not tell, and why.
    pub missing: Vec<String>,
    /// What was lost of the waiting for disks and CPUs.
    pub lags: LagsLost,
}

/// The same by dependency.
pub(super) struct Kinds<'a> {
    raw: &'a RawKinds,
    times: HashMap<DepKey, BTreeMap<u32, &'a Times>>,
    counts: HashMap<DepKey, BTreeMap<(u32, u32), u64>>,
}

impl<'a> Kinds<'a> {
    /// Of the cgroups that `keep` accepts.
    pub(super) fn new(raw: &'a RawKinds, keep: impl Fn(u64) -> bool) -> Self {
        let mut kinds = Self { raw, times: HashMap::new(), counts: HashMap::new() };
        for (key, times) in raw.times.iter().filter(|(key, _)| keep(key.dep.cgroup)) {
            kinds.times.entry(key.dep).or_default().insert(key.kind, times);
        }
        for (key, count) in raw.counts.iter().filter(|(key, _)| keep(key.dep.cgroup)) {
            let sum = kinds.counts.entry(key.dep).or_default().entry((key.what, key.detail)).or_default();
            *sum = sum.saturating_add(*count);
        }
        kinds
    }

    /// Of which dependencies anything is known.
    pub(super) fn keys(&self) -> impl Iterator<Item = &DepKey> {
        self.times.keys().chain(self.counts.keys())
    }

    /// What is known of one, with its round trips and the packets that we lost.
    pub(super) fn doc(&self, key: &DepKey, rtt: &[u64], injected: u64) -> KindsDoc {
        let nothing = BTreeMap::new();
        let counts = self.counts.get(key).unwrap_or(&nothing);
        let mut doc = KindsDoc::default();
        doc.latency.extend(latency("rtt", rtt, 0));
        for kind in 0..KINDS {
            let buckets = self.times.get(key).and_then(|times| times.get(&kind)).map(|times| &times.buckets);
            let overlaps = counts.get(&(OVERLAP, kind)).copied().unwrap_or_default();
            doc.latency.extend(latency(name(kind), buckets.map_or(&[][..], |all| &all[..]), overlaps));
        }
        if injected > 0 {
            doc.drops.push(CountDoc { name: INJECTED.to_owned(), count: injected });
        }
        for ((what, detail), count) in counts {
            let (list, name) = match *what {
                DROPPED => {
                    let reason = self.reason(*detail);
                    (if is_no_error(&reason) { &mut doc.freed } else { &mut doc.drops }, reason)
                }
                what => match error(what, *detail) {
                    Some(name) => (&mut doc.errors, name),
                    None => continue,
                },
            };
            list.push(CountDoc { name, count: *count });
        }
        doc
    }

    fn reason(&self, number: u32) -> String {
        self.raw.reasons.get(&number).cloned().unwrap_or_else(|| number.to_string())
    }
}

/// Packets that were lost because of a rule.
pub const INJECTED: &str = "injected";

/// What a kind of latency is called.
pub(super) fn name(kind: u32) -> &'static str {
    match kind {
        HANDSHAKE => "handshake",
        FIRST_BYTE => "first_byte",
        DNS => "dns",
        DATAGRAM => "datagram",
        ACCEPT => "accept",
        _ => "unknown",
    }
}

fn error(what: u32, detail: u32) -> Option<String> {
    Some(match what {
        CONNECT => match (detail, i32::try_from(detail).ok().and_then(Errno::from_number)) {
            (0, _) => "connect given up".to_owned(),
            (NOT_SENT, _) => "connect not sent".to_owned(),
            (_, Some(errno)) => format!("connect {errno}"),
            (number, None) => format!("connect errno {number}"),
        },
        RESET_SENT => "reset sent".to_owned(),
        RESET_RECEIVED => "reset received".to_owned(),
        TIMEOUT => "timeout".to_owned(),
        DNS_TIMEOUT => "dns unanswered".to_owned(),
        DNS_CODE => match detail {
            1 => "dns FORMERR".to_owned(),
            2 => "dns SERVFAIL".to_owned(),
            3 => "dns NXDOMAIN".to_owned(),
            4 => "dns NOTIMP".to_owned(),
            5 => "dns REFUSED".to_owned(),
            other => format!("dns code {other}"),
        },
        _ => return None,
    })
}

/// `None`: nothing of the kind has happened.
pub(super) fn latency<C: Copy + Into<u64>>(kind: &str, buckets: &[C], overlaps: u64) -> Option<LatencyDoc> {
    let q = quantiles(buckets);
    let exchanges = q.samples.saturating_add(overlaps);
    if exchanges == 0 {
        return None;
    }
    let multiplexed = overlaps.saturating_mul(100) >= exchanges.saturating_mul(OVERLAP_PERCENT);
    let unless = |us: Option<u64>| us.filter(|_| !multiplexed);
    Some(LatencyDoc {
        kind: kind.to_owned(),
        samples: q.samples,
        overlaps,
        multiplexed,
        p50_us: unless(q.p50),
        p90_us: unless(q.p90),
        p99_us: unless(q.p99),
        p999_us: unless(q.p999),
        recent: None,
    })
}

/// What of all this was lost, and what is not told here.
pub fn kinds_lost(raw: &RawKinds) -> KindsLostDoc {
    let lost = &raw.lost;
    KindsLostDoc {
        samples: lost.times_full,
        events: lost.counts_full,
        queries: lost.queries_full,
        sockets: lost.no_memory,
        clock_went_backwards: lost.clock,
        handshakes: lost.begins,
        drops_unattributed: lost.unattributed,
        drops_injected: lost.injected,
        lags: lags_lost(&raw.lags),
        not_measured: raw.missing.clone(),
    }
}

#[cfg(test)]
#[path = "kinds_tests.rs"]
mod tests;
