use super::*;
use crate::observe::samples::{ended, flow, snapshot};

const TEN: Duration = Duration::from_secs(10);

/// The sums after `flows` open connections and `n` ended ones to 10.0.0.2:5432, 100 segments each.
fn sums(flows: u16, n: u32) -> AskedOf {
    let open = (0..flows).map(|port| flow(7, 40_000 + port, 2, 5432, 100)).collect();
    let (key, mut value) = ended(7, 2, 5432, n * 100);
    value.flows = n.into();
    asked_of(&snapshot(open, vec![(key, value), ended(8, 2, 5432, 1)]), |id| id == 7)
}

#[test]
fn a_retry_storm_is_a_number() {
    let before = Asking::between(&sums(1, 0), &sums(1, 10), TEN);
    // Half as long, and 20 times as many.
    let during = Asking::between(&sums(1, 10), &sums(5, 206), TEN / 2);
    let docs = amplification(Some(&before), &during, |id| format!("/{id}"));
    let [doc] = docs.as_slice() else { panic!("{docs:?}") };
    assert_eq!(
        (doc.cgroup.as_str(), doc.side.as_str(), doc.service.as_str()),
        ("/7", "out", "10.0.0.2:5432")
    );
    assert_eq!((doc.before.unwrap().connections, doc.during.connections), (Some(10), Some(200)));
    assert_eq!((doc.before.unwrap().segments, doc.during.segments), (1_000, 20_000));
    assert_eq!(
        (doc.connections_ratio, doc.segments_ratio, doc.bytes_ratio),
        (Some(40.0), Some(40.0), Some(40.0))
    );
}

#[test]
fn without_a_before_flows_are_not_taken_for_new_ones() {
    let during = Asking::between(&AskedOf::new(), &sums(3, 0), TEN);
    let docs = amplification(None, &during, |id| id.to_string());
    assert_eq!((docs[0].during.connections, docs[0].during.segments), (None, 300));
    assert_eq!((docs[0].before, docs[0].segments_ratio), (None, None));
}

#[test]
fn what_shrinks_or_comes_to_nothing_is_never_negative() {
    let none = Asking::between(&sums(3, 10), &sums(1, 0), TEN);
    assert!(none.asked.is_empty(), "{none:?}");
    // Nothing before: more than that is no ratio. Something before and nothing now is.
    let some = Asking::between(&AskedOf::new(), &sums(1, 0), TEN);
    assert_eq!(amplification(Some(&none), &some, |_| String::new())[0].segments_ratio, None);
    assert_eq!(amplification(Some(&some), &none, |_| String::new())[0].segments_ratio, Some(0.0));
    let no_time = Asking { span: Duration::ZERO, ..some.clone() };
    assert_eq!(amplification(Some(&some), &no_time, |_| String::new())[0].segments_ratio, None);
}

#[test]
fn many_dependencies_are_20_and_the_sum_of_the_others() {
    let flows: Vec<_> = (1..=50).map(|n| flow(7, 50_000, n, 443, u32::from(n))).collect();
    let all = asked_of(&snapshot(flows, Vec::new()), |_| true);
    let asking = Asking::between(&AskedOf::new(), &all, TEN);
    let docs = amplification(Some(&asking), &asking, |_| "/app".to_owned());
    assert_eq!((docs.len(), docs[0].service.as_str()), (SHOWN + 1, "10.0.0.50:443"));
    assert_eq!(docs[SHOWN].service, "other");
    let segments: u64 = docs.iter().map(|doc| doc.during.segments).sum();
    assert_eq!((segments, docs[SHOWN].segments_ratio), ((1..=50).sum(), Some(1.0)));
}
