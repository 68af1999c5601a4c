use injector_ebpf::{
    dep::{CountKey, FIRST_BYTE, OVERLAP, TimeKey, Times},
    flow::DepValue,
    hist::bucket,
};

use super::*;
use crate::{
    api::types::{FlowsDoc, LatelyDoc, RecentDoc},
    observe::{
        Snapshot, flows_doc,
        samples::{ended, flow, snapshot},
    },
};

fn named(id: u64) -> Option<String> {
    Some(format!("/{id}"))
}

/// One dependency of ended flows: so many samples of 100 us, and of 80 ms.
fn look(quick: u32, slow: u32) -> Snapshot {
    let (key, mut value) = ended(7, 5, 5432, quick);
    value.rtt[bucket(80_000)] = slow;
    snapshot(Vec::new(), vec![(key, value)])
}

fn told(lately: &Lately, snapshot: &Snapshot) -> FlowsDoc {
    let mut doc = flows_doc(snapshot, named, |_| true);
    tell(&mut doc, lately, snapshot, named);
    doc
}

fn rtt(doc: &FlowsDoc) -> Option<RecentDoc> {
    doc.dependencies[0].kinds.latency.iter().find(|one| one.kind == "rtt")?.recent
}

/// The window's round trips after looks at these seconds.
fn after(looks: &[(u64, Snapshot)]) -> (Option<u64>, Option<RecentDoc>) {
    let (mut lately, begin) = (Lately::default(), Instant::now());
    for (at, snapshot) in looks {
        lately.look(begin + Duration::from_secs(*at), sums(snapshot));
    }
    let doc = told(&lately, &looks.last().unwrap().1);
    (doc.window.map(|window| window.ms), rtt(&doc))
}

#[test]
fn a_fault_is_seen_after_a_million_quick_samples() {
    let mut looks = vec![(0, look(1_000_000, 0))];
    looks.extend((1..=3).map(|second| (second, look(1_000_000, 100 * second as u32))));
    let doc = flows_doc(&looks[3].1, named, |_| true);
    assert_eq!(doc.dependencies[0].rtt_p99_us, Some(99), "since ever nothing has happened");
    let (window, recent) = after(&looks);
    let recent = recent.unwrap();
    assert_eq!((window, recent.samples), (Some(3_000), 300));
    assert_eq!((recent.p50_us, recent.p99_us), (Some(77_608), Some(77_608)));
    assert_eq!(recent.p999_us, None, "too few");
}

#[test]
fn what_is_older_than_the_window_is_not_in_it() {
    // 80 slow samples at once, then 10 quick ones a second.
    let mut looks = vec![(0, look(1_000, 0)), (1, look(1_000, 80))];
    let until = |last: u64, looks: &mut Vec<(u64, Snapshot)>| {
        let first = looks.last().unwrap().0 + 1;
        looks.extend((first..=last).map(|second| (second, look(1_000 + 10 * (second as u32 - 1), 80))));
    };
    until(10, &mut looks);
    assert_eq!(after(&looks).1.unwrap().p50_us, Some(99));
    assert_eq!(after(&looks).1.unwrap().samples, 90 + 80);
    until(14, &mut looks);
    let (window, recent) = after(&looks);
    assert_eq!((window, recent.unwrap().samples), (Some(10_000), 100), "10 a second, none of the slow ones");
    until(60, &mut looks);
    let (window, recent) = after(&looks);
    assert_eq!((window, recent.unwrap().samples), (Some(10_000), 100));
    until(61, &mut looks);
    assert_eq!(after(&looks).0, Some(11_000), "up to a step longer");
}

#[test]
fn whoever_looks_for_the_first_time_has_no_window() {
    assert_eq!(after(&[(0, look(10, 0))]), (None, None));
    assert_eq!(after(&[(0, look(10, 0)), (0, look(10, 0))]), (None, None), "two readers at once");
    assert_eq!(after(&[(0, look(10, 0)), (16, look(20, 0))]), (None, None), "nobody looked for long");
    assert_eq!(after(&[(0, look(10, 0)), (15, look(20, 0))]).0, Some(15_000));
    let (mut lately, begin) = (Lately::default(), Instant::now());
    lately.look(begin, sums(&look(10, 0)));
    lately.idle(begin + Duration::from_secs(15));
    assert!(!lately.known.is_empty());
    lately.idle(begin + Duration::from_secs(16));
    assert!(lately.known.is_empty(), "nothing is kept for nobody");
}

#[test]
fn what_is_missing_once_is_not_news_when_it_is_back() {
    let none = || snapshot(Vec::new(), Vec::new());
    let back = [(0, look(900, 0)), (2, none()), (4, look(905, 0))];
    assert_eq!(after(&back).1.unwrap().samples, 5, "all of it was missing");
    let less = [(0, look(900, 0)), (2, look(300, 0)), (4, look(905, 0))];
    assert_eq!(after(&less).1.unwrap().samples, 5, "a part of it was");
    let new = [(0, none()), (2, look(7, 0))];
    assert_eq!(after(&new).1.unwrap().samples, 7, "what was not there before is new");
    let wrapped = [(0, look(u32::MAX - 1, 0)), (2, look(3, 0))];
    assert_eq!(after(&wrapped).1.unwrap().samples, 5, "the kernel's counts wrap");
}

#[test]
fn flows_and_cgroups_and_kinds_have_it_too() {
    let dep = ended(7, 5, 5432, 0).0;
    let at = |n: u32| {
        let flows = vec![flow(7, 40_000, 5, 5432, 500), flow(7, 40_001, 6, 80, 10 * n)];
        let mut all = snapshot(flows, vec![ended(8, 5, 80, 40)]);
        all.histograms.get_mut(&40_000).unwrap().rtt[bucket(80_000)] = 30 * n;
        let mut times = Times { samples: 0, buckets: [0; BUCKETS] };
        times.buckets[bucket(2_000)] = 5 * n;
        all.kinds.times = vec![(TimeKey { dep, kind: FIRST_BYTE, pad: 0 }, times)];
        all.kinds.counts = vec![(CountKey { dep, what: OVERLAP, detail: FIRST_BYTE }, u64::from(n) * 20)];
        all
    };
    let (mut lately, begin) = (Lately::default(), Instant::now());
    lately.look(begin, sums(&at(1)));
    lately.look(begin + Duration::from_secs(2), sums(&at(3)));
    let doc = told(&lately, &at(3));
    let flow = |port: &str| doc.flows.iter().find(|flow| flow.local.ends_with(port)).unwrap().recent.unwrap();
    assert_eq!((flow(":40000").samples, flow(":40000").p90_us), (60, Some(77_608)));
    assert_eq!((flow(":40001").samples, flow(":40001").p50_us), (20, Some(99)));
    let cgroup = |path: &str| doc.cgroups.iter().find(|sum| sum.cgroup == path).unwrap().recent.unwrap();
    assert_eq!((cgroup("/7").samples, cgroup("/8").samples), (80, 0));
    let db = doc.dependencies.iter().find(|sum| sum.service == "10.0.0.5:5432").unwrap();
    let first = db.kinds.latency.iter().find(|one| one.kind == "first_byte").unwrap().recent.unwrap();
    assert_eq!((first.samples, first.overlaps, first.multiplexed, first.p50_us), (10, 40, true, None));
    let shown = doc.recently();
    let slow = shown.flows.iter().find(|flow| flow.local.ends_with(":40000")).unwrap();
    assert_eq!((slow.rtt_samples, slow.rtt_p90_us, slow.rtt_p99_us), (60, Some(77_608), None));
    let db = shown.dependencies.iter().find(|sum| sum.service == "10.0.0.5:5432").unwrap();
    assert_eq!((db.rtt_samples, db.kinds.latency[0].samples, db.kinds.latency[1].samples), (60, 60, 10));
    assert_eq!(flows_doc(&at(3), named, |_| true).recently().flows.len(), 2, "without a window all stays");
}

#[test]
fn memory_is_bounded_and_what_has_no_room_is_said() {
    let full = |n: u64, count: u32| {
        let value = |_| {
            let (_, mut value): (_, DepValue) = ended(1, 1, 1, 0);
            value.rtt = [count; BUCKETS];
            value
        };
        let deps = (0..n).map(|cgroup| (DepKey { cgroup, ..ended(1, 1, 1, 0).0 }, value(cgroup))).collect();
        sums(&snapshot(vec![flow(99, 1, 2, 3, 1)], deps))
    };
    let (mut lately, begin) = (Lately::default(), Instant::now());
    let most = (MOST_CELLS / BUCKETS) as u64;
    for step in 0..8 {
        lately.look(begin + Duration::from_secs(2 * step), full(most + 10, step as u32 + 1));
    }
    let known: usize =
        lately.known.values().filter_map(|known| known.sum.as_ref()).map(|sum| sum.cells.len()).sum();
    assert!(known <= MOST_CELLS, "{known}");
    assert_eq!(lately.without_room(), 10, "whichever: the flow has a place in what is left");
    let came: usize =
        lately.steps.iter().flat_map(|(_, came)| came.values()).map(|sum| sum.cells.len()).sum();
    assert!(came <= MOST_CELLS, "{came}");
    assert_eq!(lately.span(), Some(STEP), "a shorter window rather than more memory");
}

#[test]
fn each_figure_of_the_window_is_shown_in_its_own_place() {
    let figures = RecentDoc {
        samples: 5,
        p50_us: Some(1),
        p90_us: Some(2),
        p99_us: Some(3),
        p999_us: Some(4),
        ..RecentDoc::default()
    };
    let open = snapshot(vec![flow(7, 40_000, 5, 5432, 30)], Vec::new());
    let mut doc = told(&Lately::default(), &open);
    doc.window = Some(LatelyDoc::default());
    doc.flows[0].recent = Some(figures);
    doc.cgroups[0].recent = Some(figures);
    doc.dependencies[0].kinds.latency.iter_mut().for_each(|one| one.recent = Some(figures));
    let doc = doc.recently();
    let (flow, cgroup, sum) = (&doc.flows[0], &doc.cgroups[0], &doc.dependencies[0]);
    let kind = &sum.kinds.latency[0];
    for shown in [
        (flow.rtt_samples, flow.rtt_p50_us, flow.rtt_p90_us, flow.rtt_p99_us, flow.rtt_p999_us),
        (cgroup.rtt_samples, cgroup.rtt_p50_us, cgroup.rtt_p90_us, cgroup.rtt_p99_us, cgroup.rtt_p999_us),
        (sum.rtt_samples, sum.rtt_p50_us, sum.rtt_p90_us, sum.rtt_p99_us, sum.rtt_p999_us),
        (kind.samples, kind.p50_us, kind.p90_us, kind.p99_us, kind.p999_us),
    ] {
        assert_eq!(shown, (5, Some(1), Some(2), Some(3), Some(4)));
    }
}
