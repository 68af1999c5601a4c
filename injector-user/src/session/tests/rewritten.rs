//! Peers that NAT rewrites.

use super::bench::{Bench, DROP, bench};
use crate::{
    kernel::net::{Proto, Rewritten, SockInfo},
    session::tests::flows::socket,
};

const SERVICE: &str = "10.96.0.1:443";
const POD: &str = "10.244.1.7:6443";

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

fn named(peer: &str) -> String {
    with(&format!(r#""peer":"{peer}""#))
}

fn warnings(bench: &mut Bench, json: &str) -> Vec<String> {
    let warnings = bench.plan(json).unwrap().warnings;
    warnings
        .into_iter()
        .filter(|warning| ["on the wire", "NAT", "are rewritten"].iter().any(|words| warning.contains(words)))
        .collect()
}

#[test]
fn a_plan_says_that_either_address_is_meant() {
    let mut bench = bench();
    for port in 4001..4004 {
        connect(&bench, port, SERVICE, POD);
    }
    let either = "10.96.0.1:443 is 10.244.1.7:6443 on the wire (3 connections now): meant by either";
    for peer in ["10.96.0.1:443", "10.244.1.7:6443", "10.244.0.0/16", ":443"] {
        assert_eq!(warnings(&mut bench, &named(peer)), [either], "{peer}");
    }
    for peer in ["10.96.0.2:443", "10.244.1.7:443", "10.96.0.1:6443", ":80"] {
        assert!(warnings(&mut bench, &named(peer)).is_empty(), "{peer}");
    }
    let both = r#""peer":["10.96.0.1", "10.244.0.0/16"]"#;
    assert!(warnings(&mut bench, &with(both)).is_empty(), "both are named");
    bench.fake.with(|state| state.sockets.truncate(1));
    let one = warnings(&mut bench, &named(SERVICE));
    assert!(one[0].contains("(1 connection now)"), "connections of others do not count: {one:?}");
}

#[test]
fn either_address_leaves_out() {
    let mut bench = bench();
    connect(&bench, 4001, SERVICE, POD);
    let either = "10.96.0.1:443 is 10.244.1.7:6443 on the wire (1 connection now): left out by either";
    for except in ["10.96.0.1", "10.244.1.7", ":443", ":6443"] {
        assert_eq!(warnings(&mut bench, &with(&format!(r#""except":"{except}""#))), [either], "{except}");
    }
    assert_eq!(warnings(&mut bench, &with(r#""peer":"10.244.0.0/16","except":"10.96.0.1""#)), [either]);
    assert!(warnings(&mut bench, &with(r#""except":["10.96.0.1","10.244.1.7"]"#)).is_empty());
}

#[test]
fn what_comes_in_carries_whom_was_asked_for_at_the_cgroup_and_is_nobodys_at_tc() {
    let mut bench = bench();
    connect(&bench, 4001, SERVICE, POD);
    let drop = |keys: &str| with(&format!(r#"{keys},"direction":"ingress""#));
    assert!(warnings(&mut bench, &drop(r#""peer":"10.96.0.1:443""#)).is_empty());
    let start = "10.96.0.1:443 is 10.244.1.7:6443 on the wire (1 connection now)";
    let carry = "on the way in, where packets carry whom was asked for";
    assert_eq!(
        warnings(&mut bench, &drop(r#""peer":"10.244.1.7""#)),
        [format!("{start}: not meant {carry}; --peer 10.96.0.1:443 names it")]
    );
    assert_eq!(
        warnings(&mut bench, &drop(r#""except":"10.244.1.7""#)),
        [format!("{start}: not left out {carry}; --except 10.96.0.1 does it")]
    );
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
    assert!(both[0].ends_with("meant by either") && both[1] == told, "{both:?}");
}

#[test]
fn many_are_told_in_a_few_lines_and_an_error_is_told() {
    let mut bench = bench();
    for n in 0..10 {
        connect(&bench, 4000 + n, &format!("10.96.0.1:{}", 100 + n), "10.244.1.7:6443");
    }
    let json = named("10.96.0.1");
    let many = warnings(&mut bench, &json);
    assert_eq!((many.len(), many.last().map(String::as_str)), (9, Some("2 more peers are rewritten")));
    bench.fake.with(|state| state.failing.insert("rewritten"));
    let failing = warnings(&mut bench, &json);
    assert!(failing.len() == 1 && failing[0].contains("cannot be told"), "{failing:?}");
}

/// A socket that is not connected says nothing of whom it sends to.
#[test]
fn a_datagram_without_a_connection_tells_only_where_it_goes() {
    let mut bench = bench();
    let app = bench.host.cgroup("/app");
    bench.fake.with(|state| {
        let socket = SockInfo { local: "0.0.0.0:9".parse().unwrap(), ..socket(Proto::Udp, "0.0.0.0:0", app) };
        state.sockets.push(socket);
        let [source, asked, wire] =
            ["10.0.0.1:9", "10.96.0.10:53", "10.244.0.5:53"].map(|end| end.parse().unwrap());
        state.rewritten.push(Rewritten { proto: Proto::Udp, source, asked, wire });
    });
    let start = "10.96.0.10:53 is 10.244.0.5:53 on the wire (1 connection now)";
    let out = "on the way out, where its socket is not connected";
    assert_eq!(
        warnings(&mut bench, &named("10.96.0.10")),
        [format!("{start}: not meant {out}; --peer 10.244.0.5:53 names it")]
    );
    assert_eq!(
        warnings(&mut bench, &with(r#""except":"10.96.0.10""#)),
        [format!("{start}: not left out {out}; --except 10.244.0.5 does it")]
    );
    assert!(warnings(&mut bench, &named("10.244.0.5")).is_empty());
    // At tc an unconnected socket is found by its own address: what comes in is judged by who is on the wire.
    let delay = |peer: &str| {
        format!(
            r#"{{"kind":"delay","by":"5ms","direction":"ingress","peer":"{peer}","targets":["cgroup:/app"]}}"#
        )
    };
    assert!(warnings(&mut bench, &delay("10.244.0.5")).is_empty());
    assert_eq!(
        warnings(&mut bench, &delay("10.96.0.10")),
        [format!(
            "{start}: not meant on the way in, where packets carry who is on the wire; --peer 10.244.0.5:53 names it"
        )]
    );
}
