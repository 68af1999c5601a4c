//! Tests of the kinds of latency and of errors.

use injector_ebpf::hist::{BUCKETS, bucket};

use super::*;
use crate::observe::samples::v4;

const WHOSE: DepKey = DepKey { cgroup: 7, remote: [0; 4], port: 80, local: 0, protocol: 6 };

fn dep(cgroup: u64) -> DepKey {
    DepKey { cgroup, remote: v4(5), ..WHOSE }
}

fn times(kind: u32, us: u32, n: u32) -> (TimeKey, Times) {
    let mut buckets = [0; BUCKETS];
    buckets[bucket(us)] = n;
    (TimeKey { dep: dep(7), kind, pad: 0 }, Times { samples: n.into(), buckets })
}

fn count(what: u32, detail: u32, count: u64) -> (CountKey, u64) {
    (CountKey { dep: dep(7), what, detail }, count)
}

fn doc(times: Vec<(TimeKey, Times)>, counts: Vec<(CountKey, u64)>) -> KindsDoc {
    let reasons = BTreeMap::from([(2, "NOT_SPECIFIED".to_owned())]);
    let raw = RawKinds { times, counts, reasons, ..RawKinds::default() };
    Kinds::new(&raw, |id| id == 7).doc(&dep(7), &[0_u64; BUCKETS], 0)
}

fn names(counts: &[CountDoc]) -> Vec<(&str, u64)> {
    counts.iter().map(|one| (one.name.as_str(), one.count)).collect()
}

#[test]
fn each_kind_has_its_quantiles_and_too_few_samples_have_none() {
    let doc = doc(vec![times(HANDSHAKE, 100, 2000), times(DNS, 100, 199)], vec![]);
    let found: Vec<_> =
        doc.latency.iter().map(|l| (l.kind.as_str(), l.samples, l.p50_us, l.p99_us, l.p999_us)).collect();
    assert_eq!(
        found,
        [("handshake", 2000, Some(99), Some(99), Some(99)), ("dns", 199, Some(99), None, None)]
    );
}

#[test]
fn exchanges_that_overlap_have_no_times() {
    let of = |overlaps| {
        let doc = doc(vec![times(FIRST_BYTE, 100, 900)], vec![count(OVERLAP, FIRST_BYTE, overlaps)]);
        (doc.latency[0].multiplexed, doc.latency[0].p50_us, doc.latency[0].overlaps, doc.errors.len())
    };
    assert_eq!(of(99), (false, Some(99), 99, 0));
    assert_eq!(of(100), (true, None, 100, 0));
    let doc = doc(vec![], vec![count(OVERLAP, DATAGRAM, 3)]);
    assert_eq!((doc.latency[0].kind.as_str(), doc.latency[0].samples), ("datagram", 0));
    assert!(doc.latency[0].multiplexed);
}

#[test]
fn what_goes_wrong_is_named_as_the_kernel_names_it() {
    let doc = doc(
        vec![],
        vec![
            count(CONNECT, 111, 3),
            count(CONNECT, 0, 1),
            count(CONNECT, NOT_SENT, 2),
            count(DNS_CODE, 3, 4),
            count(DNS_TIMEOUT, 0, 5),
            count(DNS_TIMEOUT, 0, 6),
            count(DROPPED, 2, 7),
            count(DROPPED, 70_000, 8),
        ],
    );
    assert_eq!(
        names(&doc.errors),
        [
            ("connect given up", 1),
            ("connect ECONNREFUSED", 3),
            ("connect not sent", 2),
            ("dns NXDOMAIN", 4),
            ("dns unanswered", 11)
        ]
    );
    assert_eq!(names(&doc.drops), [("70000", 8)]);
    assert_eq!(names(&doc.freed), [("NOT_SPECIFIED", 7)], "beside the drops, and nowhere else");
}

#[test]
fn ours_are_told_apart_and_others_are_left_out() {
    let raw = RawKinds { counts: vec![count(DROPPED, 2, 7)], ..RawKinds::default() };
    let kinds = Kinds::new(&raw, |_| true);
    assert_eq!(names(&kinds.doc(&dep(7), &[0_u64; BUCKETS], 9).drops), [("injected", 9), ("2", 7)]);
    assert_eq!(kinds.keys().count(), 1);
    assert_eq!(Kinds::new(&raw, |id| id == 8).keys().count(), 0);
    assert_eq!(kinds.doc(&dep(8), &[0_u64; BUCKETS], 0), KindsDoc::default());
}

#[test]
fn what_was_of_no_use_any_more_is_no_error() {
    let no_error = ["QUEUE_PURGE", "TCP_OLD_DATA", "TCP_OFOMERGE", "NOT_SPECIFIED"];
    let error =
        ["SOCKET_RCVBUFF", "NETFILTER_DROP", "QDISC_DROP", "TCP_CLOSE", "TCP_RESET", "NOMEM", "2", ""];
    assert!(no_error.into_iter().all(is_no_error));
    assert!(!error.into_iter().any(is_no_error));
}
