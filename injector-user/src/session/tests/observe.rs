//! Whose flows are observed, by the daemon's configuration.

use super::bench::{DROP, observing};
use crate::{
    api::types::{EndKind, FlowsDoc},
    config::Observe,
    error::{Error, Kind},
};

const ARMED: &str = "mode: armed\n";

fn asked(bench: &mut super::bench::Bench) -> Result<FlowsDoc, Error> {
    bench.engine.flows(vec!["cgroup:/app".parse().unwrap()])
}

#[test]
fn off_attaches_nothing_but_what_judges_a_fault() {
    let mut bench = observing(ARMED, Observe::Off);
    let seen = |bench: &super::bench::Bench| {
        bench.fake.with(|state| (state.probed, state.observed.clone(), state.all_observed))
    };
    assert_eq!(seen(&bench), (false, vec![], false));
    let refused = asked(&mut bench).unwrap_err();
    assert!(refused.kind == Kind::Refused && refused.hint.unwrap().contains("observe"));
    bench.engine.rescan();
    assert_eq!(seen(&bench), (false, vec![], false), "asking changes nothing");
    bench.start(DROP).unwrap();
    assert_eq!(seen(&bench), (true, vec![], false));
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    bench.engine.rescan();
    assert_eq!(seen(&bench), (false, vec![], false));
}

#[test]
fn targets_are_those_of_faults_and_of_whoever_asks() {
    let mut bench = observing(ARMED, Observe::Targets);
    assert_eq!(bench.fake.with(|state| (state.probed, state.observed.clone())), (true, vec![]));
    asked(&mut bench).unwrap();
    assert_eq!(
        bench.fake.with(|state| (state.observed.clone(), state.all_observed)),
        (vec!["/app".to_owned()], false)
    );
}

#[test]
fn host_is_every_cgroup_and_needs_no_entry_of_theirs() {
    let bench = observing(ARMED, Observe::Host);
    let (observed, all, entries) =
        bench.fake.with(|state| (state.observed.clone(), state.all_observed, state.cgroups.len()));
    assert_eq!((observed, all, entries), (vec!["/".to_owned()], true, 0));
}

#[test]
fn what_observes_a_target_is_there_before_its_fault_lives_on_a_lease() {
    for (observe, observed) in
        [(Observe::Targets, vec!["/app"]), (Observe::Host, vec!["/"]), (Observe::Off, vec![])]
    {
        let mut bench = observing(ARMED, observe);
        bench.start(DROP).unwrap();
        let (judged, roots) = bench.fake.with(|state| state.leased.clone()).unwrap();
        assert_eq!((judged, roots), (true, observed.iter().map(|root| root.to_string()).collect()));
    }
}

#[test]
fn a_fault_that_is_not_made_leaves_nobody_observed() {
    let mut bench = observing(ARMED, Observe::Targets);
    bench.fake.with(|state| state.failing.insert("lease"));
    bench.start(DROP).unwrap_err();
    let (leased, observed) = bench.fake.with(|state| (state.leased.clone(), state.observed.clone()));
    assert_eq!((leased.map(|(_, roots)| roots), observed), (Some(vec!["/app".to_owned()]), vec![]));
}
