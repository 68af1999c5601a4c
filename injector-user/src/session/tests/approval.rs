//! What exceeds a soft limit, and the second person.

use super::bench::{Bench, DROP, SHADOW, person, root, with_limits};
use crate::{
    api::types::{FaultDoc, State},
    error::{Error, Kind},
    session::{Command, Who},
};

fn node() -> Bench {
    with_limits("mode: armed\nsoft: {percent: 3}\n")
}

/// Asks for what needs an approval; gives the id.
fn ask(bench: &mut Bench, json: &str) -> String {
    let error = bench.start_by(json, &person(1000)).unwrap_err();
    assert_eq!((error.kind, error.limit.as_deref()), (Kind::Refused, Some("soft")), "{error}");
    let id = error.message.split(' ').next().unwrap().to_owned();
    assert!(error.hint.unwrap().contains(&format!("injector approve {id}")));
    id
}

fn approve(bench: &mut Bench, id: &str, who: &Who) -> Result<(), Error> {
    bench.ask(who, |reply| Command::Approve(id.to_owned(), reply)).map(|_| ())
}

fn arm(bench: &mut Bench, id: &str) -> Result<FaultDoc, Error> {
    bench.ask(&person(1000), |reply| Command::Arm(id.to_owned(), reply))
}

#[test]
fn another_person_must_agree_and_it_is_armed_once() {
    let mut bench = node();
    let id = ask(&mut bench, DROP);
    assert!(bench.calls().is_empty() && bench.is_untouched());
    let status = bench.ask(&root(), Command::Status).unwrap();
    assert_eq!(
        (status.pending[0].id.as_str(), status.pending[0].exceeds[0].limit.as_str()),
        (id.as_str(), "soft.percent")
    );
    assert!(arm(&mut bench, &id).unwrap_err().message.contains("not been approved"));
    for no in [
        person(1000),
        root(),
        Who { identity: crate::limits::Identity { uid: 1000, gids: vec![], login: None }, pid: 1 },
    ] {
        assert_eq!(approve(&mut bench, &id, &no).unwrap_err().kind, Kind::Refused);
        assert!(arm(&mut bench, &id).is_err() && bench.is_untouched());
    }
    approve(&mut bench, &id, &person(1001)).unwrap();
    let doc = arm(&mut bench, &id).unwrap();
    assert_eq!((doc.id.as_str(), doc.state), (id.as_str(), State::Armed));
    assert!(bench.engine.pending.docs().is_empty());
    assert!(arm(&mut bench, &id).unwrap_err().message.contains("is no shadow"));
    assert_eq!(bench.engine.faults.len(), 1);
    let lines = bench.audit();
    let of = |action: &str, outcome: &str| {
        lines.iter().filter(|line| line["action"] == action && line["outcome"] == outcome).collect::<Vec<_>>()
    };
    assert_eq!(of("approve", "refused").len(), 3);
    assert_eq!(of("approve", "allowed")[0]["who"]["login"], 1001);
    let armed = of("arm", "allowed");
    assert_eq!((armed.len(), &armed[0]["who"]["login"]), (1, &1000.into()));
    assert_eq!(armed[0]["reason"], format!("approved by {}", person(1001)));
}

/// What was approved and could not be armed at that moment is armed later, without a third person.
#[test]
fn an_approval_survives_a_refusal_of_another_kind() {
    let mut bench = node();
    let id = ask(&mut bench, DROP);
    approve(&mut bench, &id, &person(1001)).unwrap();
    bench.engine.halt("pager", &root()).unwrap();
    assert!(arm(&mut bench, &id).unwrap_err().message.contains("HALTED"));
    bench.engine.lift(&root()).unwrap();
    bench.fake.with(|state| state.fail_at = Some(1));
    assert_eq!(arm(&mut bench, &id).unwrap_err().kind, Kind::Failed);
    bench.fake.with(|state| state.fail_at = None);
    assert_eq!(arm(&mut bench, &id).unwrap().state, State::Armed);
}

/// The hard limits hold for what was approved, too.
#[test]
fn an_approval_is_no_way_around_a_hard_limit() {
    let mut bench = node();
    let id = ask(&mut bench, DROP);
    approve(&mut bench, &id, &person(1001)).unwrap();
    bench.reload("mode: armed\nmax_percent: 4\nsoft: {percent: 3}\n").unwrap();
    assert_eq!(arm(&mut bench, &id).unwrap_err().limit.as_deref(), Some("max_percent"));
    assert!(bench.is_untouched());
}

/// Approved for two processes is not approved for three.
#[test]
fn a_target_that_grew_since_needs_another_approval() {
    let mut bench = with_limits("mode: armed\nsoft: {processes: 1}\n");
    bench.host.process(101, "app", "/app");
    let id = ask(&mut bench, DROP);
    approve(&mut bench, &id, &person(1001)).unwrap();
    bench.host.process(102, "app", "/app");
    let error = arm(&mut bench, &id).unwrap_err();
    assert_eq!((error.limit.as_deref(), error.asked.as_deref()), (Some("soft"), Some("3")), "{error}");
    assert!(arm(&mut bench, &id).unwrap_err().message.contains("not been approved"));
    assert_eq!(bench.engine.pending.docs().len(), 1);
    approve(&mut bench, &id, &person(1001)).unwrap();
    arm(&mut bench, &id).unwrap();
}

/// Whoever approves `mine` has read one request of that name: there is no second one.
#[test]
fn a_name_that_waits_is_taken() {
    let mut bench = node();
    let named = DROP.replace(r#""for""#, r#""name":"mine","for""#);
    assert_eq!(ask(&mut bench, &named), "mine");
    for other in [named.replace("5", "20"), named.replace("5", "1")] {
        let error = bench.start_by(&other, &person(1000)).unwrap_err();
        assert_eq!(error.kind, Kind::Usage, "{error}");
    }
    approve(&mut bench, "mine", &person(1001)).unwrap();
    assert_eq!(arm(&mut bench, "mine").unwrap().spec.fault.percent().unwrap().as_f64(), 5.0);
    assert_eq!(bench.engine.faults.len(), 1);
    assert_eq!(bench.start_by(&named, &person(1000)).unwrap_err().kind, Kind::Usage);
}

/// A shadow needs no second person; to arm it does, and it is the shadow itself that is armed then.
#[test]
fn a_named_shadow_is_armed_in_its_place() {
    let mut bench = node();
    bench.start_by(&SHADOW.replace(r#""for""#, r#""name":"mine","for""#), &person(1000)).unwrap();
    let error = arm(&mut bench, "mine").unwrap_err();
    assert_eq!(error.limit.as_deref(), Some("soft"), "{error}");
    assert!(arm(&mut bench, "mine").is_err());
    approve(&mut bench, "mine", &person(1001)).unwrap();
    bench.forget();
    bench.hold_still();
    let doc = arm(&mut bench, "mine").unwrap();
    assert_eq!((doc.id.as_str(), doc.state), ("mine", State::Armed));
    assert_eq!(bench.calls(), ["change_rule 0"]);
    assert_eq!(bench.engine.faults.len(), 1, "it is not another fault beside it");
}

#[test]
fn a_request_for_a_shadow_ends_with_it() {
    let mut bench = node();
    let id = bench.start_by(SHADOW, &person(1000)).unwrap().id;
    assert!(arm(&mut bench, &id).is_err());
    approve(&mut bench, &id, &person(1001)).unwrap();
    bench.ask(&root(), |reply| Command::Stop(id.clone(), reply)).unwrap();
    assert!(arm(&mut bench, &id).unwrap_err().message.contains("is no shadow"));
    assert!(bench.engine.pending.docs().is_empty() && bench.is_untouched());
}

/// What `pid:`, a pattern or a container's name means may change between the question and the answer.
#[test]
fn an_approval_is_for_the_targets_that_were_seen() {
    let mut bench = node();
    bench.host.cgroup("/db");
    bench.host.process(700, "app", "/app");
    let id = ask(&mut bench, &DROP.replace("cgroup:/app", "pid:700"));
    assert_eq!(bench.ask(&root(), Command::Status).unwrap().pending[0].targets, ["/app"]);
    let approved = bench.ask(&person(1001), |reply| Command::Approve(id.clone(), reply)).unwrap();
    assert_eq!(approved.targets, ["/app"]);
    std::fs::write(bench.host.host.cgroup.join("app/cgroup.procs"), "").unwrap();
    std::fs::write(bench.host.host.cgroup.join("db/cgroup.procs"), "700\n").unwrap();
    std::fs::write(bench.host.host.proc.join("700/cgroup"), "0::/db\n").unwrap();
    let error = arm(&mut bench, &id).unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(error.message.contains("/app") && error.message.contains("/db"), "{error}");
    assert!(error.hint.unwrap().contains("ask again"));
    assert!(bench.is_untouched());
    assert!(
        bench.engine.pending.docs().is_empty(),
        "it is asked for anew, under the same name if it has one"
    );
}

#[test]
fn a_pattern_that_matches_more_needs_another_approval() {
    let mut bench = node();
    bench.host.cgroup("/app-1");
    bench.host.process(111, "app", "/app-1");
    let pattern = DROP.replace("cgroup:/app", "cgroup:/app-*");
    let id = ask(&mut bench, &pattern);
    approve(&mut bench, &id, &person(1001)).unwrap();
    bench.host.cgroup("/app-2");
    bench.host.process(112, "app", "/app-2");
    assert!(arm(&mut bench, &id).unwrap_err().hint.unwrap().contains("ask again"));
    assert!(bench.is_untouched());
    let id = ask(&mut bench, &pattern);
    approve(&mut bench, &id, &person(1001)).unwrap();
    assert_eq!(arm(&mut bench, &id).unwrap().state, State::Armed);
}
