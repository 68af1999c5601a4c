//! Before, during and after: what is kept of a fault's course.

use std::time::{Duration, Instant};

use injector_ebpf::rtt::Aggregate;

use super::bench::{Bench, DROP, SHADOW, bench, root};
use crate::{
    api::types::{EndKind, FaultDoc},
    kernel::Kernel as _,
    observe::{ZERO, sum},
    session::Command,
};

fn round_trips(samples: u64) -> Aggregate {
    let mut sums = Aggregate { samples, segments: samples * 2, retransmits: samples / 10, ..ZERO };
    sums.rtt[50] = samples;
    sums
}

/// Traffic of a cgroup, and the look of a second.
fn traffic(bench: &mut Bench, path: &str, samples: u64) {
    let id = bench.host.cgroup(path);
    bench.fake.with(|state| {
        let sums = state.traffic.entry(id).or_insert(ZERO);
        *sums = sum([&*sums, &round_trips(samples)]);
    });
    bench.engine.look_back();
}

fn end(bench: &mut Bench) {
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
}

/// Samples of target and control group in a window, by its name.
fn samples(doc: &FaultDoc) -> [[Option<u64>; 3]; 2] {
    let windows = doc.windows.as_ref().unwrap();
    [&windows.target, &windows.control].map(|group| {
        let of = |window: Option<&crate::api::types::WindowDoc>| Some(window?.signals.samples);
        [of(group.before.as_ref()), of(Some(&group.during)), of(group.after.as_ref())]
    })
}

#[test]
fn a_fault_has_three_windows_and_keeps_them() {
    let mut bench = bench();
    bench.hold_still();
    traffic(&mut bench, "/app", 1);
    traffic(&mut bench, "/app", 300);
    traffic(&mut bench, "/other", 40);
    let id = bench.start(DROP).unwrap().id;
    let doc = bench.engine.find(&id).unwrap();
    assert_eq!(samples(&doc), [[Some(300), Some(0), None], [Some(40), Some(0), None]]);
    bench.fake.with(|state| (state.target, state.control) = (round_trips(2_500), round_trips(70)));
    let doc = bench.engine.find(&id).unwrap();
    assert_eq!(samples(&doc)[0][1], Some(2_500));
    let windows = doc.windows.unwrap();
    assert!(windows.target.during.rtt_p999_us.is_some() && windows.control.during.rtt_p999_us.is_none());
    assert_eq!(windows.target.during_change.unwrap().rtt_p999_us, None, "300 before are too few");
    end(&mut bench);
    bench.fake.with(|state| state.target = round_trips(9_999));
    traffic(&mut bench, "/app", 5);
    std::thread::sleep(Duration::from_millis(2));
    traffic(&mut bench, "/app", 60);
    traffic(&mut bench, "/other", 7);
    let doc = bench.engine.find(&id).unwrap();
    assert_eq!(samples(&doc), [[Some(300), Some(2_500), Some(60)], [Some(40), Some(70), Some(7)]]);
    assert!(!doc.windows.as_ref().unwrap().disturbed);
    assert!(bench.engine.status().faults.iter().all(|doc| doc.windows.is_none()), "lists are short");

    // A minute later it is over.
    let ended = bench.engine.courses[0].1.end.as_mut().unwrap();
    ended.at = ended.at.checked_sub(Duration::from_secs(61)).unwrap_or_else(Instant::now);
    traffic(&mut bench, "/app", 1_000);
    assert_eq!(samples(&bench.engine.find(&id).unwrap())[0][2], Some(60));
}

#[test]
fn the_next_fault_ends_the_window_after_and_has_no_steady_state_before() {
    let mut bench = bench();
    bench.hold_still();
    traffic(&mut bench, "/app", 1);
    let first = bench.start(DROP).unwrap().id;
    end(&mut bench);
    traffic(&mut bench, "/app", 5);
    std::thread::sleep(Duration::from_millis(2));
    traffic(&mut bench, "/app", 20);
    let second = bench.start(DROP).unwrap().id;
    traffic(&mut bench, "/app", 600);
    assert_eq!(samples(&bench.engine.find(&first).unwrap())[0][2], Some(20));
    assert!(bench.engine.find(&second).unwrap().windows.unwrap().disturbed);
    end(&mut bench);
    bench.host.cgroup("/elsewhere");
    bench.host.process(200, "elsewhere", "/elsewhere");
    let third = bench.start(&SHADOW.replace("/app", "/elsewhere")).unwrap().id;
    assert!(!bench.engine.find(&third).unwrap().windows.unwrap().disturbed, "others were");
}

#[test]
fn a_shadows_course_begins_anew_when_it_is_made_real() {
    let mut bench = bench();
    bench.hold_still();
    traffic(&mut bench, "/app", 1);
    let id = bench.start(SHADOW).unwrap().id;
    bench.fake.with(|state| state.target = round_trips(100));
    traffic(&mut bench, "/app", 100);
    bench.engine.arm(&id, &root()).unwrap();
    bench.fake.with(|state| state.target = round_trips(130));
    assert_eq!(samples(&bench.engine.find(&id).unwrap())[0], [Some(100), Some(30), None]);
}

#[test]
fn what_a_target_asks_is_compared_with_before() {
    use crate::observe::{ended_flows as ended, open_flow as flow};
    let mut bench = bench();
    bench.hold_still();
    let app = bench.host.cgroup("/app");
    let see = |bench: &Bench, flows: u64, segments: u32| {
        let (key, mut value) = ended(app, 2, 5432, segments);
        value.flows = flows;
        bench.fake.with(|state| {
            state.watched = vec![app];
            state.flows = vec![flow(app, 40_000, 2, 5432, 10)];
            state.deps = vec![(key, value)];
        });
    };
    see(&bench, 0, 0);
    let snapshot = bench.fake.clone().snapshot(&[]).unwrap();
    let ten_seconds_ago = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
    bench.engine.asked.look(ten_seconds_ago, &snapshot);
    see(&bench, 10, 100);
    let id = bench.start(DROP).unwrap().id;
    see(&bench, 50, 2_100);
    end(&mut bench);
    see(&bench, 99, 9_999);
    let doc = bench.engine.find(&id).unwrap();
    let [one] = doc.amplification.as_slice() else { panic!("{:?}", doc.amplification) };
    assert_eq!((one.cgroup.as_str(), one.service.as_str()), ("/app", "10.0.0.2:5432"));
    let (before, during) = (one.before.unwrap(), one.during);
    assert_eq!((before.connections, before.segments), (Some(10), 100));
    assert_eq!((during.connections, during.segments), (Some(40), 2_000));
    assert!(one.connections_ratio.unwrap() > 4.0, "{one:?}");
}

#[test]
fn a_report_has_the_distributions_and_the_time_line() {
    let mut bench = bench();
    bench.hold_still();
    traffic(&mut bench, "/app", 1);
    traffic(&mut bench, "/app", 300);
    let id = bench.start(DROP).unwrap().id;
    bench.fake.with(|state| {
        state.target = round_trips(40);
        (state.stats.matched, state.stats.acted) = (100, 5);
    });
    bench.tick();
    end(&mut bench);
    let report = bench.ask(&root(), |reply| Command::Report(id[..6].to_owned(), reply)).unwrap();
    let counts = |buckets: &Vec<(u32, u64)>| buckets.iter().map(|bucket| bucket.1).collect::<Vec<_>>();
    assert_eq!((counts(&report.target.before), counts(&report.target.during)), (vec![300], vec![40]));
    let last = report.timeline.last().unwrap();
    assert_eq!((last.matched, last.acted), (100, 5));
    assert_eq!(report.fault.id, id);
    assert!(bench.ask(&root(), |reply| Command::Report("nobody".into(), reply)).is_err());
}
