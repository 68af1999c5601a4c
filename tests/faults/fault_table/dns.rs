//! Answers of a name server that it never gave.

use std::{
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use super::{BOTH, Table, WAYS, Way, echo::word, stream::address};
use crate::support::{World, child::Child, lacks, same_as_on_6_1, traffic::Flag, wait_for};

/// A header with one question has so many bytes; the question's type and class four.
const HEADER: usize = 12;

/// A question for a name's address (RFC 1035, section 4.1).
fn question(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// Asks, and says what came: the code and the number of records, or nothing; and how long it took, in milliseconds.
fn ask(from: SocketAddr, server: SocketAddr, name: &str) -> (String, u128) {
    let socket = UdpSocket::bind(from).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let (asked, begun) = (question(0x1234, name), Instant::now());
    socket.send(&asked).unwrap();
    let mut buffer = [0; 512];
    let answer = match socket.recv(&mut buffer) {
        Err(_) => "nothing".into(),
        Ok(length) => {
            let got = &buffer[..length];
            let right = length >= asked.len()
                && got[..2] == asked[..2]
                && got[2] & 0x80 != 0
                && got[4..6] == [0, 1]
                && got[HEADER..asked.len()] == asked[HEADER..];
            if right { format!("code {} records {}", got[3] & 15, got[7]) } else { format!("odd {got:?}") }
        }
    };
    (answer, begun.elapsed().as_millis())
}

/// Answers every question with one address.
fn serve(world: &World, way: Way) -> Child {
    let bound = Flag::new();
    let place = way.there(world);
    let at = address(place.ip, 53);
    let child = place.run(|| {
        let socket = UdpSocket::bind(at).unwrap();
        bound.set();
        let mut buffer = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let mut answer = buffer[..length].to_vec();
            (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
            answer.extend([0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 2, 3]);
            socket.send_to(&answer, from).unwrap();
        }
    });
    wait_for(30, "the name server", || bound.is_set().then_some(()));
    child
}

const RIGHT: &str = "code 0 records 1";

/// For each name that is asked for, does the fault mean it? The victim then gets `expected`.
#[track_caller]
pub fn lines(
    table: &mut Table,
    ways: &[Way],
    flags: &str,
    expected: &str,
    names: &'static [(&'static str, bool)],
) {
    for way in ways.iter().copied().filter(|way| way.egress) {
        let world = &table.world;
        let _server = serve(world, way);
        let server = address(way.there(world).ip, 53);
        let (all, doc) = table.under(&format!("dns {flags} --percent 100"), || {
            let asked = |name: &'static str| {
                BOTH.map(|whose| {
                    let place = way.here(world, whose);
                    let from = address(place.ip, 0);
                    place.run(move || {
                        let (answer, ms) = ask(from, server, name);
                        format!("{ms} {answer}")
                    })
                })
            };
            let clients: Vec<_> = names.iter().map(|(name, _)| asked(name)).collect();
            clients.into_iter().map(|pair| pair.map(|client| client.join())).collect::<Vec<_>>()
        });
        for ((name, meant), said) in names.iter().zip(all) {
            let parsed = said.map(|said| {
                let (ms, answer) = said.split_once(' ').unwrap();
                (ms.parse::<u128>().unwrap(), answer.to_owned())
            });
            let [(late, victim), (soon, control)] = &parsed;
            let delayed = flags.contains("delayed");
            let ok = victim == if *meant { expected } else { RIGHT }
                && control == RIGHT
                && (!delayed || *soon < 500 && (*late >= 1000) == *meant);
            let shown = parsed
                .clone()
                .map(|(ms, answer)| if delayed { format!("{answer} in {ms} ms") } else { answer });
            table.line(&format!("dns {flags} {name}"), way.family(), [&shown[0], &shown[1]], ok, &doc);
        }
    }
}

/// The name itself, however it is written; no other one.
pub const EXACT: [(&str, bool); 5] = [
    ("example.test", true),
    ("eXample.TEST", true),
    ("www.example.test", false),
    ("example.test.org", false),
    ("counterexample.test", false),
];
/// What is below a name.
const BELOW: [(&str, bool); 5] = [
    ("www.example.test", true),
    ("a.B.c.Example.test", true),
    ("example.test", false),
    ("counterexample.test", false),
    ("example.com", false),
];

#[test]
fn dns_lost() {
    if same_as_on_6_1("dns::dns_lost") {
        return;
    }
    let mut table = Table::new();
    lines(&mut table, &WAYS, "example.test --answer lost", "nothing", &EXACT);
    table.finish();
}

#[test]
fn dns_answered() {
    if same_as_on_6_1("dns::dns_answered") {
        return;
    }
    let mut table = Table::new();
    lines(&mut table, &WAYS, "example.test --answer nxdomain", "code 3 records 0", &EXACT);
    lines(&mut table, &WAYS, "*.example.test --answer nxdomain", "code 3 records 0", &BELOW);
    lines(
        &mut table,
        &WAYS,
        "* --answer servfail",
        "code 2 records 0",
        &[("a.test", true), ("b.example.com", true)],
    );
    // A label of 13 letters: its length is a hyphen's number.
    const HYPHEN: [(&str, bool); 2] = [("a.elasticsearch.test", true), ("my-elasticsearch.test", false)];
    lines(&mut table, &WAYS, "*.elasticsearch.test --answer nxdomain", "code 3 records 0", &HYPHEN);
    lines(&mut table, &WAYS, "example.test --answer empty", "code 0 records 0", &EXACT);
    table.finish();
}

#[test]
fn dns_delayed() {
    if same_as_on_6_1("dns::dns_delayed") {
        return;
    }
    let mut table = Table::new();
    if lacks("dns::dns_delayed", &table.world.daemon, "delay") {
        return;
    }
    lines(&mut table, &WAYS, "*.example.test --answer delayed --by 1s", RIGHT, &BELOW);
    table.finish();
}

/// A name server that takes connections, as for long answers: names are not told apart, so `*` means them all.
#[test]
fn dns_over_tcp() {
    if same_as_on_6_1("dns::dns_over_tcp") {
        return;
    }
    let mut table = Table::new();
    for way in WAYS.into_iter().filter(|way| way.egress) {
        let bound = Flag::new();
        let place = way.there(&table.world);
        let server = address(place.ip, 53);
        let _server = place.run(|| {
            let listener = TcpListener::bind(server).unwrap();
            bound.set();
            let mut all = Vec::new();
            loop {
                all.push(listener.accept());
            }
        });
        wait_for(30, "the name server", || bound.is_set().then_some(()));
        for (answer, expected) in [("reset", "ECONNREFUSED"), ("lost", "nothing")] {
            let fault = format!("dns * --answer {answer} --percent 100");
            let (got, doc) = table.under(&fault, || {
                let connects = |whose| {
                    way.from(&table.world, whose).run(move || {
                        match TcpStream::connect_timeout(&server, Duration::from_millis(1500)) {
                            Ok(_) => "connected".into(),
                            Err(error) => word(&error),
                        }
                    })
                };
                BOTH.map(connects).map(Child::join)
            });
            let ok = got[0] == expected && got[1] == "connected";
            let fault = format!("dns over TCP --answer {answer}");
            table.line(&fault, &way.to_string(), [&got[0], &got[1]], ok, &doc);
        }
    }
    table.finish();
}
