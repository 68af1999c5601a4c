//! Faults that find nothing to act on.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use super::{
    bench::{Bench, DROP, SHADOW, bench, with_limits},
    flows::socket,
};
use crate::{
    api::types::EndKind,
    kernel::net::{Proto, Rewritten, SockInfo},
};

const FIVE: Duration = Duration::from_secs(5);

/// Looks so long after the fault was armed; what is said then.
fn after(bench: &mut Bench, span: Duration) -> Option<String> {
    let at = bench.engine.faults[0].begun + span;
    look(bench, at)
}

fn look(bench: &mut Bench, at: Instant) -> Option<String> {
    bench.engine.refresh(0);
    bench.engine.look_for_matches(at);
    let fault = &bench.engine.faults[0];
    let doc = fault.doc(fault.state());
    doc.nothing_matched.map(|nothing| nothing.why)
}

/// What is said five seconds after `json` was armed, with these sockets in its namespace.
fn why(json: &str, sockets: impl FnOnce(u64) -> Vec<SockInfo>) -> String {
    let mut bench = with_limits("mode: armed\nmax_percent: 100\n");
    let app = bench.host.cgroup("/app");
    bench.start(json).unwrap();
    bench.fake.with(|state| state.sockets = sockets(app));
    after(&mut bench, FIVE).unwrap()
}

fn with(key: &str) -> String {
    DROP.replace(r#""for""#, &format!(r#"{key},"for""#))
}

const PEER: &str = r#""peer":"10.0.0.1:5432""#;

#[test]
fn it_is_said_after_five_seconds_and_no_longer_when_something_matches() {
    for json in [DROP, SHADOW] {
        let mut bench = bench();
        bench.start(json).unwrap();
        assert_eq!(after(&mut bench, FIVE - Duration::from_nanos(1)), None);
        assert_eq!(after(&mut bench, FIVE).unwrap(), "the target has no socket");
        bench.fake.with(|state| state.stats.matched = 1);
        assert_eq!(after(&mut bench, FIVE), None);
        assert_eq!(bench.engine.faults[0].nothing, None, "and does not come back");
    }
}

#[test]
fn it_is_looked_at_again_every_five_seconds_only() {
    let mut bench = bench();
    let app = bench.host.cgroup("/app");
    bench.start(DROP).unwrap();
    after(&mut bench, FIVE).unwrap();
    bench.fake.with(|state| state.sockets = vec![socket(Proto::Tcp, "10.0.0.1:5432", app)]);
    let still = after(&mut bench, FIVE + FIVE - Duration::from_nanos(1)).unwrap();
    assert_eq!(still, "the target has no socket");
    assert_eq!(after(&mut bench, FIVE + FIVE).unwrap(), "the target has sent nothing that matches");
}

#[test]
fn the_reason_is_looked_for() {
    let tcp = |remote: &'static str| move |app| vec![socket(Proto::Tcp, remote, app)];
    let silent = "the target has sent nothing that matches";
    assert_eq!(why(&with(PEER), tcp("10.0.0.1:5432")), silent);
    assert_eq!(
        why(&with(PEER), tcp("10.0.0.2:5432")),
        "no socket of the target, of 1, has the peer 10.0.0.1:5432"
    );
    let both = format!(r#"{PEER},"local_port":80"#);
    assert_eq!(
        why(&with(&both), tcp("10.0.0.1:5432")),
        "no socket of the target, of 1, has the peer 10.0.0.1:5432 and the local port 80"
    );
    assert_eq!(why(&with(r#""protocol":"udp""#), tcp("10.0.0.1:5432")), "the target has no udp socket");
    // It can send to anybody.
    let udp = |app| vec![socket(Proto::Udp, "0.0.0.0:0", app)];
    assert_eq!(why(&with(PEER), udp), silent);
    assert_eq!(
        why(&with(r#""except":"10.0.0.0/8""#), tcp("10.0.0.2:5432")),
        "none of the target's 1 sockets is meant"
    );
    let in_and_out = with(r#""direction":"both""#);
    assert_eq!(
        why(&in_and_out, tcp("10.0.0.2:5432")),
        "the target has sent or received nothing that matches"
    );
}

#[test]
fn what_needs_no_socket_asks_for_none() {
    let ask = |fault: &str, sockets: fn(u64) -> Vec<SockInfo>| {
        why(&format!(r#"{{{fault},"targets":["cgroup:/app"],"for":"30s"}}"#), sockets)
    };
    assert_eq!(ask(r#""kind":"blackhole""#, |_| vec![]), "no connection that matches was begun");
    assert_eq!(
        ask(r#""kind":"blackhole""#, |app| vec![socket(Proto::Tcp, "10.0.0.1:80", app)]),
        "no connection that matches was begun, and open ones are not meant"
    );
    assert_eq!(
        ask(r#""kind":"dns","names":"*","answer":"nxdomain","percent":100"#, |_| vec![]),
        "the target has asked for no name that matches"
    );
    assert_eq!(
        ask(r#""kind":"drop","percent":5,"protocol":"icmp""#, |_| vec![]),
        "the target has sent no ICMP that matches"
    );
}

#[test]
fn a_socket_of_another_cgroup_is_named() {
    let mut bench = bench();
    let other = bench.host.cgroup("/other");
    bench.start(&with(PEER)).unwrap();
    bench.fake.with(|state| state.sockets = vec![socket(Proto::Tcp, "10.0.0.1:5432", other)]);
    let nobodys = after(&mut bench, FIVE).unwrap();
    assert_eq!(nobodys, "the target has no socket", "somebody else's in the same namespace");
    let fds = bench.host.host.proc.join("100/fd");
    fs::create_dir_all(&fds).unwrap();
    symlink("socket:[77]", fds.join("3")).unwrap();
    let held = after(&mut bench, FIVE + FIVE).unwrap();
    assert!(held.starts_with("1 socket that it could mean belongs to another cgroup"), "{held}");
}

#[test]
fn interfaces_processes_and_protections_come_first() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.fake.with(|state| state.sites[0].links.retain(|(_, link)| link == "lo"));
    assert_eq!(after(&mut bench, FIVE).unwrap(), "the target has no socket", "lo is up");
    bench.fake.with(|state| state.sites[0].links.clear());
    assert_eq!(after(&mut bench, 2 * FIVE).unwrap(), "none of its interfaces is up: eth0, lo");
    fs::write(bench.host.host.cgroup.join("app/cgroup.procs"), "").unwrap();
    assert_eq!(after(&mut bench, 3 * FIVE).unwrap(), "no process is in the target");
    bench.fake.with(|state| (state.stats.matched, state.stats.passed_protected) = (9, 9));
    let protected = after(&mut bench, 4 * FIVE).unwrap();
    assert!(protected.starts_with("all 9 packets that matched are protected"), "{protected}");
    bench.fake.with(|state| state.stats.matched = 10);
    assert_eq!(after(&mut bench, 5 * FIVE), None);
}

#[test]
fn sockets_that_cannot_be_listed_are_no_reason_to_be_silent() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.fake.with(|state| state.failing.insert("sockets"));
    let said = after(&mut bench, FIVE).unwrap();
    assert!(
        said.starts_with("the target has sent nothing that matches (its sockets can't be listed"),
        "{said}"
    );
}

#[test]
fn calls_are_not_packets_and_an_ended_fault_keeps_its_reason() {
    let mut bench = bench();
    let fail =
        r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":5,"targets":["cgroup:/app"],"for":"30s"}"#;
    bench.start(fail).unwrap();
    assert_eq!(after(&mut bench, FIVE), None);
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    bench.start(DROP).unwrap();
    after(&mut bench, FIVE).unwrap();
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    let ended = bench.engine.ended.front().unwrap().nothing_matched.clone();
    assert_eq!(ended.unwrap().why, "the target has no socket");
}

/// It is not everybody, as long as it has an address.
#[test]
fn a_host_name_is_the_addresses_that_it_has() {
    let mut bench = bench();
    let app = bench.host.cgroup("/app");
    bench.names = [("db.internal".to_owned(), vec![[10, 0, 0, 1].into()])].into();
    bench.start(&with(r#""peer":"db.internal:5432""#)).unwrap();
    let there = |bench: &Bench, remote| {
        bench.fake.with(|state| state.sockets = vec![socket(Proto::Tcp, remote, app)]);
    };
    there(&bench, "10.0.0.2:5432");
    let said = after(&mut bench, FIVE).unwrap();
    assert_eq!(said, "no socket of the target, of 1, has the peer db.internal:5432");
    there(&bench, "10.0.0.1:5432");
    assert_eq!(after(&mut bench, FIVE + FIVE).unwrap(), "the target has sent nothing that matches");
}

/// A connection of the target behind NAT, and what is said of a fault that matches nothing.
fn behind_nat(keys: &str) -> String {
    let mut bench = bench();
    let app = bench.host.cgroup("/app");
    let there = socket(Proto::Tcp, "10.96.0.1:5432", app);
    bench.fake.with(|state| {
        let (source, asked) = (there.local, there.remote);
        let wire = "10.244.1.7:15432".parse().unwrap();
        state.rewritten = vec![Rewritten { proto: Proto::Tcp, source, asked, wire }];
        state.sockets = vec![there];
    });
    bench.start(&with(keys)).unwrap();
    after(&mut bench, FIVE).unwrap()
}

#[test]
fn connections_behind_nat_are_told_by_either_address() {
    let start = "10.96.0.1:5432 is 10.244.1.7:15432 on the wire";
    assert_eq!(
        behind_nat(r#""peer":"10.244.1.7:15432","direction":"ingress""#),
        format!(
            "{start}: not meant on the way in, where packets carry whom was asked for; --peer 10.96.0.1:5432 names it"
        )
    );
    assert_eq!(behind_nat(r#""except":"10.244.1.7""#), format!("{start}: left out by either"));
    for peer in ["10.96.0.1:5432", "10.244.1.7:15432"] {
        let said = behind_nat(&format!(r#""peer":"{peer}""#));
        assert_eq!(said, "the target has sent nothing that matches", "{peer}");
    }
}

/// It takes time, in which the engine does nothing else.
#[test]
fn one_fault_is_looked_at_in_a_tick() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    bench.start(DROP).unwrap();
    let at = bench.engine.faults[1].begun + FIVE;
    let told = |bench: &Bench| bench.engine.faults.iter().filter(|fault| fault.nothing.is_some()).count();
    for looks in 1..=2 {
        bench.engine.look_for_matches(at);
        assert_eq!(told(&bench), looks);
    }
}
