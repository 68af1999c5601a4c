//! Places of rules, names of faults, and what the kernel must know before a rule means somebody.

use super::bench::{Bench, DROP, SHADOW, bench, root};
use crate::{
    api::types::{EndKind, State},
    error::Kind,
    session::Command,
};

fn stop_all(bench: &mut Bench) {
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
}

/// While the table of cgroups still says that a freed rule means somebody, the next fault in its place would act on him.
#[test]
fn a_slot_is_not_used_again_before_the_kernel_has_forgotten_whom_it_meant() {
    let mut bench = bench();
    bench.host.cgroup("/other");
    bench.start(DROP).unwrap();
    bench.fake.with(|state| state.failing.insert("set_cgroups"));
    stop_all(&mut bench);
    assert!(
        bench.fake.with(|state| state.cgroups.values().any(|entry| entry.rules == 1)),
        "it is still there"
    );
    bench.forget();
    let other = DROP.replace("/app", "/other");
    let error = bench.start(&other).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert!(bench.calls().is_empty() && bench.is_untouched());
    bench.fake.with(|state| state.failing.clear());
    bench.start(&other).unwrap();
    let app = bench.host.cgroup("/app");
    assert!(bench.fake.with(|state| state.cgroups.get(&app).is_none_or(|entry| entry.rules == 0)));
}

#[test]
fn a_fault_that_would_mean_nobody_is_an_error() {
    let mut bench = bench();
    bench.fake.with(|state| state.failing.insert("set_cgroups"));
    let error = bench.start(DROP).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    bench.engine.drain();
    assert!(bench.is_untouched() && bench.engine.faults.is_empty());
}

#[test]
fn each_call_that_fails_while_arming_leaves_nothing() {
    for call in ["lease", "set_budget", "deadline", "set_rule"] {
        let mut bench = bench();
        bench.fake.with(|state| state.failing.insert(call));
        let error = bench.start(DROP).unwrap_err();
        assert_eq!(error.kind, Kind::Failed, "{call}");
        assert!(bench.is_untouched() && bench.engine.faults.is_empty(), "{call}");
        assert!(bench.engine.policy.refuse().is_ok());
        bench.fake.with(|state| state.failing.clear());
        bench.start(DROP).unwrap();
        let left = crate::session::journal::left(bench.dir.path());
        assert_eq!(left.faults.len(), 1, "{call}: what was not armed is not unfinished");
    }
}

#[test]
fn a_rule_that_cannot_be_freed_is_said_and_all_else_is_undone() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.fake.with(|state| state.failing.insert("free_rule"));
    stop_all(&mut bench);
    let clean = bench.engine.ended[0].clean.clone().unwrap();
    assert!(clean.left.iter().any(|left| left.contains("rule 0")), "{clean:?}");
    assert!(bench.fake.with(|state| state.steps.is_empty()));
    assert!(bench.fake.with(|state| state.cgroups.values().all(|entry| entry.rules == 0)));
}

#[test]
fn a_part_of_a_name_means_the_one_that_lives() {
    let mut bench = bench();
    let named = |name: &str| DROP.replace(r#""for""#, &format!(r#""name":"{name}","for""#));
    bench.start(&named("web-1")).unwrap();
    stop_all(&mut bench);
    bench.start(&named("web-2")).unwrap();
    let ended = bench.ask(&root(), |reply| Command::Stop("web".into(), reply)).unwrap();
    assert_eq!((ended.id.as_str(), ended.end), ("web-2", Some(EndKind::Stopped)));
    let error = bench.engine.find("web").unwrap_err();
    assert_eq!(error.kind, Kind::Usage, "now it could be both");
}

/// A time that no calendar holds is still only a number.
#[test]
fn a_fault_of_ten_thousand_years_has_a_document() {
    let mut bench = super::bench::with_limits("mode: armed\nmax_ttl: 100000000h\n");
    let doc = bench.start(&DROP.replace("30s", "100000000h")).unwrap();
    assert_eq!(doc.state, State::Armed);
    assert!(doc.ends.starts_with("9999-12-31T"), "{}", doc.ends);
}

/// A shadow that somehow acted is counted once, not every second.
#[test]
fn the_certificate_counts_what_came_since_the_last_look() {
    let mut bench = bench();
    bench.start(SHADOW).unwrap();
    bench.fake.with(|state| (state.stats.matched, state.stats.shadow, state.stats.acted) = (100, 5, 2));
    for _ in 0..5 {
        bench.tick();
        bench.engine.look_back();
    }
    let doc = bench.ask(&root(), Command::Certificate).unwrap();
    assert_eq!((doc.faults, doc.matched, doc.would_have_acted, doc.protected_hits), (1, 100, 5, 2));
}
