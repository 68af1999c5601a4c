//! Peers that NAT rewrites.

use std::time::{Duration, Instant};

use super::bench::{Bench, DROP, bench};
use crate::{
    kernel::net::{Proto, Rewritten, SockInfo},
    session::tests::{flows::socket, names::looked_up_again},
};

const SERVICE: &str = "10.96.0.1:443";
const POD: &str = "10.244.1.7:443";

/// A socket of the target with this local port.
fn own(bench: &Bench, port: u16, remote: &str) -> SockInfo {
    let app = bench.host.cgroup("/app");
    SockInfo { local: ([10, 0, 0, 1], port).into(), ..socket(Proto::Tcp, remote, app) }
}

/// One connection of the target from this port, to a service that is somewhere else.
fn connect(bench: &Bench, port: u16, asked: &str, wire: &str) {
    let socket = own(bench, port, asked);
    bench.fake.with(|state| {
        let (source, asked, wire) = (socket.local, socket.remote, wire.parse().unwrap());
        state.rewritten.push(Rewritten { proto: Proto::Tcp, source, asked, wire });
        state.sockets.push(socket);
    });
}

fn with(keys: &str) -> String {
    DROP.replace(r#""for""#, &format!(r#"{keys},"for""#))
}

fn peer(peer: &str) -> String {
    with(&format!(r#""peer":{peer}"#))
}

fn warnings(bench: &mut Bench, json: &str) -> Vec<String> {
    let warnings = bench.plan(json).unwrap().warnings;
    warnings
        .into_iter()
        .filter(|warning| ["on the wire", "NAT", "are rewritten"].iter().any(|words| warning.contains(words)))
        .collect()
}

fn nets(bench: &Bench) -> (Vec<String>, Vec<String>) {
    let addresses = bench.fake.with(|state| state.addresses[&0].clone());
    let words = |nets: &[ipnet::IpNet]| nets.iter().map(ToString::to_string).collect();
    (words(&addresses.peers), words(&addresses.except))
}

fn peers(bench: &Bench) -> Vec<String> {
    nets(bench).0
}

/// The next look, whenever that is.
fn look(bench: &mut Bench) {
    bench.engine.follow_rewritten(Instant::now() + Duration::from_secs(3600));
}

fn notes(bench: &Bench) -> Vec<String> {
    bench.engine.faults[0].notes.clone()
}

#[test]
fn a_plan_says_where_the_packets_of_a_peer_go_and_whether_they_are_meant() {
    let mut bench = bench();
    for port in 4001..4004 {
        connect(&bench, port, SERVICE, POD);
    }
    let both = "10.96.0.1:443 is 10.244.1.7:443 on the wire (3 connections now): both are meant";
    assert_eq!(warnings(&mut bench, &peer(r#""10.96.0.1:443""#)), [both]);
    let fine =
        [r#""10.244.1.7:443""#, r#"["10.96.0.1", "10.244.0.0/16"]"#, r#""10.96.0.2:443""#, r#"":443""#];
    for fine in fine {
        assert!(warnings(&mut bench, &peer(fine)).is_empty(), "{fine}");
    }
    bench.fake.with(|state| state.sockets.truncate(1));
    let one = warnings(&mut bench, &peer(r#""10.96.0.1:443""#));
    assert!(one[0].contains("(1 connection now)"), "connections of others do not count: {one:?}");
}

#[test]
fn a_port_that_is_changed_is_not_meant_and_the_plan_says_so() {
    let mut bench = bench();
    connect(&bench, 4001, SERVICE, "10.244.1.7:6443");
    let said = "10.96.0.1:443 is 10.244.1.7:6443 on the wire (1 connection now): not meant on the way out, where its \
                port is 6443 and not one of the fault's; --peer 10.244.1.7:6443 names it";
    for narrow in [r#""10.96.0.1:443""#, r#"":443""#] {
        assert_eq!(warnings(&mut bench, &peer(narrow)), [said]);
    }
    assert!(warnings(&mut bench, &peer(r#""10.96.0.1""#))[0].ends_with("both are meant"));
    bench.start(&peer(r#""10.96.0.1:443""#)).unwrap();
    assert_eq!(peers(&bench), ["10.96.0.1/32"]);
    assert_eq!(notes(&bench), [said.replace(" (1 connection now)", "")]);
}

#[test]
fn a_fault_means_both_addresses_as_soon_as_it_is_armed_and_later_ones_too() {
    let mut bench = bench();
    connect(&bench, 4001, SERVICE, POD);
    let doc = bench.start(&peer(r#""10.96.0.1:443""#)).unwrap();
    assert_eq!(peers(&bench), ["10.96.0.1/32", "10.244.1.7/32"]);
    assert_eq!(doc.notes, ["10.96.0.1:443 is 10.244.1.7:443 on the wire: both are meant"]);
    connect(&bench, 4002, SERVICE, "10.244.2.8:443");
    bench.engine.follow_rewritten(Instant::now());
    assert_eq!(peers(&bench).len(), 2, "it is not looked at again within the second");
    look(&mut bench);
    assert_eq!(peers(&bench), ["10.96.0.1/32", "10.244.1.7/32", "10.244.2.8/32"]);
    // Connections come and go; the service is there.
    bench.fake.with(|state| (state.sockets, state.rewritten) = Default::default());
    look(&mut bench);
    assert_eq!((peers(&bench).len(), notes(&bench).len()), (3, 2));
}

#[test]
fn a_name_that_is_a_service_is_followed_to_the_wire_and_stays_with_it() {
    let mut bench = bench();
    bench.names = [("db.internal".to_owned(), vec![[10, 96, 0, 1].into()])].into();
    connect(&bench, 4001, SERVICE, POD);
    let json = peer(r#""db.internal:443""#);
    assert!(warnings(&mut bench, &json)[0].ends_with("both are meant"));
    bench.start(&json).unwrap();
    assert_eq!(peers(&bench), ["10.96.0.1/32", "10.244.1.7/32"]);
    looked_up_again(&mut bench, |_| Ok(vec![[10, 96, 0, 1].into()]));
    assert_eq!(peers(&bench).len(), 2);
    looked_up_again(&mut bench, |_| Ok(vec![[10, 96, 0, 2].into()]));
    assert_eq!(peers(&bench), ["10.96.0.2/32"], "what was found for an address goes with it");
}

#[test]
fn nobody_is_meant_who_was_not_named() {
    for (wire, stranger) in [(POD, "10.244.1.7:443"), ("127.0.0.1:443", "192.0.2.1:443")] {
        let mut bench = bench();
        connect(&bench, 4001, SERVICE, wire);
        bench.fake.with(|state| state.sockets.push(own(&bench, 4002, stranger)));
        let json = peer(r#""10.96.0.1:443""#);
        let said = warnings(&mut bench, &json);
        assert!(said[0].contains("not meant on the way out, since others"), "{said:?}");
        bench.start(&json).unwrap();
        assert_eq!(peers(&bench), ["10.96.0.1/32"], "{wire}");
    }
    // A proxy for two services, of which one is named: it is found out when the other one is used.
    let mut bench = bench();
    connect(&bench, 4001, SERVICE, POD);
    bench.start(&peer(r#""10.96.0.1:443""#)).unwrap();
    connect(&bench, 4002, "10.96.0.2:443", POD);
    look(&mut bench);
    assert_eq!(peers(&bench), ["10.96.0.1/32"]);
    assert_eq!(
        notes(&bench)[1],
        "10.244.1.7 is no longer meant: others of the target's connections go there, too"
    );
    bench.fake.with(|state| {
        state.sockets.truncate(1);
        state.rewritten.truncate(1);
    });
    look(&mut bench);
    assert_eq!(peers(&bench), ["10.96.0.1/32"], "and stays so");
}

/// A rule without peers means everybody, and one peer more would make it fewer.
#[test]
fn a_fault_without_peers_gets_none_and_what_it_leaves_out_is_left_out_on_the_wire() {
    let mut bench = bench();
    connect(&bench, 4001, SERVICE, POD);
    let json = with(r#""except":"10.96.0.1""#);
    assert!(warnings(&mut bench, &json)[0].ends_with("both are left out"));
    bench.start(&json).unwrap();
    assert_eq!(nets(&bench), (vec![], vec!["10.96.0.1/32".into(), "10.244.1.7/32".into()]));
}

#[test]
fn what_comes_in_is_seen_where_nat_is_undone_at_the_cgroup_and_not_at_tc() {
    let mut bench = bench();
    connect(&bench, 4001, SERVICE, POD);
    // At the cgroup a packet comes from whom the program asked for.
    let drop = |peer: &str| with(&format!(r#""peer":"{peer}","direction":"ingress""#));
    assert!(warnings(&mut bench, &drop(SERVICE)).is_empty());
    assert!(warnings(&mut bench, &drop(POD))[0].ends_with("both are meant"));
    bench.start(&drop(POD)).unwrap();
    assert_eq!(peers(&bench), ["10.96.0.1/32", "10.244.1.7/32"]);
    let delay = |direction: &str| {
        format!(
            r#"{{"kind":"delay","by":"5ms","direction":"{direction}","peer":"{SERVICE}","targets":["cgroup:/app"]}}"#
        )
    };
    let told = "NAT rewrites 1 connection that would match: what comes in of them can't be told to be the target's at \
                tc, and is not meant";
    assert_eq!(warnings(&mut bench, &delay("ingress")), [told]);
    let refuse = delay("ingress").replace(r#""delay","by":"5ms""#, r#""refuse","percent":5"#);
    assert!(warnings(&mut bench, &refuse).is_empty(), "others' connections are not rewritten");
    let both = warnings(&mut bench, &delay("both"));
    assert!(both[0].ends_with("both are meant") && both[1] == told, "{both:?}");
}

#[test]
fn many_are_told_in_a_few_lines_and_an_error_is_told() {
    let mut bench = bench();
    for n in 0..10 {
        connect(&bench, 4000 + n, &format!("10.96.0.1:{}", 100 + n), "10.244.1.7:6443");
    }
    let json = peer(r#""10.96.0.1""#);
    let many = warnings(&mut bench, &json);
    assert_eq!((many.len(), many.last().map(String::as_str)), (9, Some("2 more peers are rewritten")));
    bench.fake.with(|state| state.failing.insert("rewritten"));
    let failing = warnings(&mut bench, &json);
    assert!(failing.len() == 1 && failing[0].contains("cannot be told"), "{failing:?}");
    bench.start(&json).unwrap();
    look(&mut bench);
    assert_eq!(notes(&bench).len(), 1, "once: {:?}", notes(&bench));
}

#[test]
fn what_the_kernel_refuses_is_tried_again() {
    let mut bench = bench();
    bench.start(&peer(r#""10.96.0.1""#)).unwrap();
    connect(&bench, 4001, SERVICE, POD);
    bench.fake.with(|state| state.failing.insert("set_addresses"));
    look(&mut bench);
    assert!(notes(&bench)[0].contains("the kernel cannot be told"), "{:?}", notes(&bench));
    bench.fake.with(|state| state.failing.clear());
    look(&mut bench);
    assert_eq!(peers(&bench).len(), 2);
}

/// A socket that is not connected says nothing of whom it sends to.
#[test]
fn a_datagram_to_a_service_is_followed_too() {
    let mut bench = bench();
    let app = bench.host.cgroup("/app");
    bench.fake.with(|state| {
        let socket = SockInfo { local: "0.0.0.0:9".parse().unwrap(), ..socket(Proto::Udp, "0.0.0.0:0", app) };
        state.sockets.push(socket);
        let [source, asked, wire] =
            ["10.0.0.1:9", "10.96.0.10:53", "10.244.0.5:53"].map(|end| end.parse().unwrap());
        state.rewritten.push(Rewritten { proto: Proto::Udp, source, asked, wire });
    });
    bench.start(&peer(r#""10.96.0.10""#)).unwrap();
    assert_eq!(peers(&bench), ["10.96.0.10/32", "10.244.0.5/32"]);
}

#[test]
fn one_fault_is_looked_at_in_a_tick() {
    let mut bench = bench();
    for _ in 0..2 {
        bench.start(&peer(r#""10.96.0.1""#)).unwrap();
    }
    connect(&bench, 4001, SERVICE, POD);
    let met = |bench: &Bench| bench.engine.faults.iter().filter(|fault| !fault.notes.is_empty()).count();
    look(&mut bench);
    assert_eq!(met(&bench), 1);
    look(&mut bench);
    assert_eq!(met(&bench), 2);
}
