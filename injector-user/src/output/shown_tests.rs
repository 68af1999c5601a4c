use super::*;
use crate::output::samples::dependency;

/// Sums by name of the bytes that were sent.
fn bytes(series: &[Series]) -> HashMap<String, u64> {
    series.iter().map(|one| (one.name[2].clone(), one.counts.traffic[1])).collect()
}

/// The trap of a top K: who moves between its own series and `other`.
#[test]
fn no_counter_goes_backwards_and_all_of_them_gain_what_there_was() {
    let (mut shown, begin) = (Shown::default(), Instant::now());
    // Eighty dependencies whose order changes at every scrape; each grows by its own amount.
    let mut truth: Vec<u64> = vec![0; 80];
    let mut seed: u64 = 7;
    let mut last: HashMap<String, u64> = HashMap::new();
    for scrape in 0..60_u64 {
        let mut docs = Vec::new();
        for (i, sum) in truth.iter_mut().enumerate() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *sum += (seed >> 33) % 10_000;
            if scrape > i as u64 / 4 {
                docs.push(dependency(&format!("10.0.0.{i}:80"), *sum));
            }
        }
        let known: u64 = docs.iter().map(|doc| doc.tx_bytes).sum();
        // Minutes apart: after an hour there would be silence, if anybody were silent.
        let series = shown.take(begin + Duration::from_secs(scrape * 300), &docs);
        assert!(series.len() <= SHOWN + 1);
        let now = bytes(&series);
        for (name, before) in &last {
            assert!(now.get(name).is_some_and(|now| now >= before), "{name} at scrape {scrape}");
        }
        assert_eq!(now.values().sum::<u64>(), known, "at scrape {scrape}");
        last = now;
    }
    assert!(last["other"] > 0);
}

#[test]
fn who_is_silent_for_an_hour_makes_room_and_other_does_not_jump() {
    let (mut shown, begin) = (Shown::default(), Instant::now());
    let old: Vec<_> = (0..50).map(|i| dependency(&format!("old-{i}"), 1_000)).collect();
    let with = |new: u64| [old.clone(), vec![dependency("new", new)]].concat();
    assert!(!bytes(&shown.take(begin, &old)).contains_key("other"), "all have their own");
    let series = bytes(&shown.take(begin + IDLE / 2, &with(7)));
    assert_eq!((series["other"], series.get("new")), (7, None));
    let series = bytes(&shown.take(begin + IDLE, &with(9)));
    assert_eq!((series["other"], series["new"], series.len()), (7, 2, 51), "{series:?}");
}

#[test]
fn what_shrinks_or_vanishes_keeps_its_sum() {
    let (mut shown, now) = (Shown::default(), Instant::now());
    shown.take(now, &[dependency("a", 100)]);
    assert_eq!(bytes(&shown.take(now, &[dependency("a", 40)]))["a"], 100);
    assert_eq!(bytes(&shown.take(now, &[dependency("a", 60)]))["a"], 120);
    let series = shown.take(now, &[]);
    assert_eq!((bytes(&series)["a"], series[0].open), (120, 0));
    let two = [dependency("a", 5), dependency("a", 7)];
    assert_eq!(bytes(&shown.take(now, &two))["a"], 132, "two keys of one name");
}
