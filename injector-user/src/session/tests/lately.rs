//! Latencies of the last seconds, by the engine that reads them.

use std::{thread::sleep, time::Duration};

use injector_ebpf::hist::bucket;

use super::bench::{Bench, bench, root};
use crate::{api::types::FlowsDoc, observe::ended_flows, session::Command};

/// All that the kernel has of one dependency since ever: samples of 100 us, and of 80 ms.
fn seen(bench: &Bench, quick: u32, slow: u32) {
    let cgroup = bench.host.cgroup("/app");
    let (key, mut value) = ended_flows(cgroup, 5, 5432, quick);
    value.rtt[bucket(80_000)] = slow;
    bench.fake.with(|state| state.deps = vec![(key, value)]);
}

fn flows(bench: &mut Bench) -> FlowsDoc {
    let targets = vec!["cgroup:/app".parse().unwrap()];
    bench.ask(&root(), |reply| Command::Flows(targets, reply)).unwrap()
}

#[test]
fn a_fault_after_a_million_quick_samples_is_seen_within_the_window() {
    let mut bench = bench();
    seen(&bench, 1_000_000, 0);
    assert_eq!(flows(&mut bench).window, None, "nobody has looked before");
    sleep(Duration::from_millis(600));
    seen(&bench, 1_000_000, 250);
    let doc = flows(&mut bench);
    let (ms, sum) = (doc.window.unwrap().ms, &doc.dependencies[0]);
    assert!((600..15_000).contains(&ms), "{ms}");
    assert_eq!(
        (sum.service.as_str(), sum.rtt_samples, sum.rtt_p99_us),
        ("10.0.0.5:5432", 1_000_250, Some(99))
    );
    let rtt = sum.kinds.latency.iter().find(|one| one.kind == "rtt").unwrap();
    assert_eq!((rtt.p50_us, rtt.p99_us), (Some(99), Some(99)), "since observing began nothing has happened");
    let recent = rtt.recent.unwrap();
    assert_eq!((recent.samples, recent.p50_us, recent.p99_us), (250, Some(77_608), Some(77_608)));
    assert_eq!(doc.cgroups[0].recent.map(|recent| recent.samples), Some(250));
}
