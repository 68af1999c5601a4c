//! Of whom it is observed how long they wait.

use std::time::Duration;

use injector_ebpf::{
    lag::{IO_READ, Lag, LagKey},
    rule::{CG_LAG, CG_WATCH},
};

use super::bench::{Bench, DROP, bench};
use crate::{observe::RawLags, spec::TargetSpec};

fn flags(bench: &Bench, id: u64) -> Option<u32> {
    bench.fake.with(|state| state.cgroups.get(&id).map(|entry| entry.flags))
}

#[test]
fn who_is_read_is_observed_for_that_alone_and_who_is_watched_for_all() {
    let mut bench = bench();
    let (app, below) = (bench.host.cgroup("/app"), bench.host.cgroup("/app/worker"));
    let other = bench.host.cgroup("/other");
    let lag = (LagKey { cgroup: below, kind: IO_READ, pad: 0 }, Lag { samples: 7, ..Lag::ZERO });
    bench.fake.with(|state| state.lags = RawLags { lags: vec![lag], ..RawLags::default() });
    let spec: TargetSpec = "cgroup:/app".parse().unwrap();
    let asked = bench.engine.scope(&[spec], &[]).unwrap();
    assert_eq!(asked.scope.lags.lags, [lag]);
    assert_eq!([app, below].map(|id| flags(&bench, id)), [Some(CG_LAG); 2], "at once");
    assert_eq!(flags(&bench, other), None);
    bench.start(DROP).unwrap();
    assert_eq!([app, below].map(|id| flags(&bench, id)), [Some(CG_LAG | CG_WATCH); 2]);
    let times = |bench: &Bench| {
        bench.fake.with(|state| state.calls.iter().filter(|call| call.starts_with("set_cgroups")).count())
    };
    let before = times(&bench);
    for _ in 0..3 {
        bench.engine.scope(&[], &[]).unwrap();
    }
    assert_eq!(times(&bench), before, "only the first time is told to the kernel at once");
    bench.fake.with(|state| _ = state.failing.insert("lags"));
    assert_eq!(bench.engine.scope(&[], &[]).unwrap().scope.lags, RawLags::default());
}

#[test]
fn what_nobody_reads_any_more_is_not_observed() {
    let mut bench = bench();
    let app = bench.host.cgroup("/app");
    bench.engine.scope(&["cgroup:/app".parse().unwrap()], &[]).unwrap();
    assert_eq!(flags(&bench, app), Some(CG_LAG));
    bench.engine.lag_roots.age(Duration::from_secs(4));
    bench.engine.publish();
    assert_eq!(flags(&bench, app), Some(CG_LAG), "the next reading may come yet");
    bench.engine.lag_roots.age(Duration::from_secs(2));
    bench.engine.publish();
    assert_eq!(flags(&bench, app), None);
}
