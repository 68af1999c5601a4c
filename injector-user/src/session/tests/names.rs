//! Faults whose peers are host names.

use std::net::IpAddr;

use super::bench::{Bench, bench, person, root, spec, with_limits};
use crate::{
    api::types::State,
    error::{Error, Kind},
    plan::Addresses,
    session::{Command, Wish, names::Found},
    spec::FaultSpec,
};

const NAMED: &str =
    r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"peer":"db.internal:5432","for":"30s"}"#;

fn ip(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn found(name: &str, last: &[u8]) -> Found {
    [(name.to_owned(), last.iter().map(|last| ip(*last)).collect())].into()
}

/// As the API does it: what was found goes with the request.
fn tell(bench: &mut Bench, name: &str, last: &[u8]) {
    bench.names = found(name, last);
}

fn peers(bench: &Bench) -> Vec<String> {
    let addresses = bench.fake.with(|state| state.addresses.get(&0).cloned()).unwrap_or_default();
    addresses.peers.iter().map(ToString::to_string).collect()
}

/// The thread's answer, whenever it comes.
pub(super) fn looked_up_again(bench: &mut Bench, look_up: fn(&str) -> Result<Vec<IpAddr>, String>) {
    bench.engine.names.look_up_by(look_up);
    bench.engine.watch_names();
    while bench.engine.names.is_asking() {
        bench.engine.watch_names();
        std::thread::yield_now();
    }
}

fn three(_: &str) -> Result<Vec<IpAddr>, String> {
    Ok(vec![ip(3)])
}

fn none(_: &str) -> Result<Vec<IpAddr>, String> {
    Err("no such name".into())
}

#[test]
fn without_an_answer_nothing_is_armed() {
    let mut bench = bench();
    let error = bench.start(NAMED).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert!(error.message.contains("db.internal"), "{error}");
    assert!(bench.is_untouched());
}

#[test]
fn a_name_is_all_of_its_addresses_and_the_plan_says_them() {
    let mut bench = bench();
    tell(&mut bench, "db.internal", &[1, 2]);
    let plan = bench.plan(NAMED).unwrap();
    assert_eq!(plan.names, ["db.internal is 10.0.0.1, 10.0.0.2"]);
    bench.start(NAMED).unwrap();
    assert_eq!(peers(&bench), ["10.0.0.1/32", "10.0.0.2/32"]);
}

/// A start by the API, before an engine that says whether it may be asked for; gives what came then.
fn asked(may: Result<(), Error>, json: &str) -> (Vec<(FaultSpec, Found)>, Error) {
    let (sender, requests) = std::sync::mpsc::channel();
    let handle = crate::session::Handle::new(sender);
    let engine = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while let Ok(request) = requests.recv() {
            match request.command {
                Command::May(Wish::Start { shadow: false }, reply) => drop(reply.send(may.clone())),
                // Without an answer: only what was asked counts.
                Command::Start(spec, names, _) => seen.push((spec, names)),
                other => panic!("{other:?}"),
            }
        }
        seen
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(handle.start(spec(json))).unwrap_err();
    drop(handle);
    (engine.join().unwrap(), error)
}

#[test]
fn nobody_has_names_looked_up_who_may_not_ask() {
    // Looking this up would be another error: it has no address, anywhere.
    let invalid = NAMED.replace("db.internal", "db.invalid");
    let (seen, error) = asked(Err(Error::refused("you may not")), &invalid);
    assert_eq!((error.kind, error.message.as_str()), (Kind::Refused, "you may not"));
    assert!(seen.is_empty());
    let (seen, error) = asked(Ok(()), &invalid);
    assert_eq!(error.kind, Kind::Failed);
    assert!(seen.is_empty(), "without an answer the engine is not asked for it");
    let (seen, _) = asked(Ok(()), &NAMED.replace("db.internal", "localhost"));
    let (_, names) = &seen[0];
    assert!(names["localhost"].iter().all(IpAddr::is_loopback) && names.len() == 1);
}

#[test]
fn who_may_not_ask_is_refused_as_for_the_request_itself() {
    let mut bench = with_limits("mode: armed\nroles:\n  plan: [\"user:60002\"]\n  admin: [\"user:0\"]\n");
    let who = |uid| crate::session::Who {
        identity: crate::limits::Identity { uid, gids: vec![uid], login: Some(uid) },
        pid: 3,
    };
    let start = Wish::Start { shadow: false };
    let limit = |error: Error| error.limit.as_deref().map(str::to_owned);
    bench.ask(&who(60_002), |reply| Command::May(Wish::Plan, reply)).unwrap();
    for (uid, wish) in [(60_001, Wish::Plan), (60_002, start)] {
        let error = bench.ask(&who(uid), |reply| Command::May(wish, reply)).unwrap_err();
        assert_eq!(limit(error).as_deref(), Some("roles"));
    }
    bench.ask(&root(), |reply| Command::May(start, reply)).unwrap();
    bench.engine.halt("pager", &root()).unwrap();
    let error = bench.ask(&root(), |reply| Command::May(start, reply)).unwrap_err();
    assert!(error.message.contains("HALTED"), "{error}");
    assert_eq!(bench.audit().iter().filter(|line| line["outcome"] == "refused").count(), 3);
}

/// Somebody who asks with another answer, at another moment or of another resolver, changes nobody else's fault.
#[test]
fn what_was_found_for_a_request_stays_with_it() {
    let mut bench = bench();
    tell(&mut bench, "db.internal", &[1]);
    let id = bench.start(NAMED).unwrap().id;
    let other = || found("db.internal", &[9]);
    bench.ask(&root(), |reply| Command::Plan(spec(NAMED), other(), reply)).unwrap();
    let too_much = spec(&NAMED.replace("5,", "100,"));
    bench.ask(&root(), |reply| Command::Start(too_much, other(), reply)).unwrap_err();
    assert_eq!(peers(&bench), ["10.0.0.1/32"]);
    bench.ask(&root(), |reply| Command::Start(spec(NAMED), other(), reply)).unwrap();
    assert_eq!(peers(&bench), ["10.0.0.1/32"], "the first one's");
    let second = bench.fake.with(|state| state.addresses[&1].peers.clone());
    assert_eq!(second, ["10.0.0.9/32".parse().unwrap()]);
    bench.engine.watch_names();
    assert!(bench.engine.find(&id).unwrap().notes.is_empty());
}

#[test]
fn a_live_fault_follows_its_name_and_says_so() {
    let mut bench = bench();
    tell(&mut bench, "db.internal", &[1, 2]);
    let id = bench.start(NAMED).unwrap().id;
    looked_up_again(&mut bench, |_| Ok(vec![ip(1), ip(2)]));
    assert!(bench.engine.find(&id).unwrap().notes.is_empty(), "nothing has changed");
    looked_up_again(&mut bench, three);
    assert_eq!(peers(&bench), ["10.0.0.3/32"]);
    assert_eq!(bench.engine.find(&id).unwrap().notes, ["db.internal was 10.0.0.1, 10.0.0.2, is 10.0.0.3"]);
}

#[test]
fn a_name_that_no_longer_resolves_keeps_its_addresses_and_says_so_once() {
    let mut bench = bench();
    tell(&mut bench, "db.internal", &[1]);
    let id = bench.start(NAMED).unwrap().id;
    looked_up_again(&mut bench, none);
    looked_up_again(&mut bench, none);
    assert_eq!(peers(&bench), ["10.0.0.1/32"]);
    let notes = bench.engine.find(&id).unwrap().notes;
    assert_eq!(notes, ["db.internal no longer resolves (no such name): it stays 10.0.0.1"]);
    looked_up_again(&mut bench, three);
    looked_up_again(&mut bench, none);
    assert_eq!(bench.engine.find(&id).unwrap().notes.len(), 3, "it resolved in between");
}

/// The domain of a dns fault is no address, and not lost when addresses change.
#[test]
fn what_else_a_fault_means_stays() {
    let mut bench = bench();
    tell(&mut bench, "ns.internal", &[1]);
    bench
        .start(
            r#"{"kind":"dns","names":["example.com"],"answer":"nxdomain","percent":5,"peer":"ns.internal",
                "except":"10.1.0.0/16","targets":["cgroup:/app"],"for":"30s"}"#,
        )
        .unwrap();
    let was: Addresses = bench.fake.with(|state| state.addresses[&0].clone());
    assert!(was.name.is_some());
    looked_up_again(&mut bench, |_| Ok(vec![ip(2)]));
    let is = bench.fake.with(|state| state.addresses[&0].clone());
    assert_eq!(is, Addresses { peers: vec!["10.0.0.2/32".parse().unwrap()], ..was });
}

#[test]
fn what_the_kernel_refuses_is_tried_again() {
    let mut bench = bench();
    tell(&mut bench, "db.internal", &[1]);
    let id = bench.start(NAMED).unwrap().id;
    bench.fake.with(|state| state.failing.insert("set_addresses"));
    looked_up_again(&mut bench, three);
    looked_up_again(&mut bench, three);
    assert_eq!(bench.engine.find(&id).unwrap().notes.len(), 1);
    bench.fake.with(|state| state.failing.clear());
    looked_up_again(&mut bench, three);
    assert_eq!(peers(&bench), ["10.0.0.3/32"]);
}

/// A request that waits for a second person is armed with what its names mean then.
#[test]
fn names_are_looked_up_again_for_a_request_that_waits() {
    let mut bench = with_limits("mode: armed\nsoft: { percent: 1 }\n");
    tell(&mut bench, "db.internal", &[1]);
    let error = bench.start_by(NAMED, &person(1000)).unwrap_err();
    assert_eq!(error.limit.as_deref(), Some("soft"));
    let id = bench.engine.pending.docs()[0].id.clone();
    looked_up_again(&mut bench, three);
    bench.ask(&person(1001), |reply| Command::Approve(id.clone(), reply)).unwrap();
    let doc = bench.ask(&person(1000), |reply| Command::Arm(id.clone(), reply)).unwrap();
    assert_eq!((doc.state, peers(&bench)), (State::Armed, vec!["10.0.0.3/32".to_owned()]));
}
