//! Packets that are changed, or come twice.

use super::{
    BOTH, Table, WAYS, Way,
    echo::{Echo, Protocol},
    stream::{self, Load},
};
use crate::support::same_as_on_6_1;

/// Datagrams come, as long as they were, and are wrong.
#[test]
fn garble_udp() {
    if same_as_on_6_1("change::garble_udp") {
        return;
    }
    let mut table = Table::new();
    garble_udp_lines(&mut table, &WAYS);
    table.finish();
}

pub fn garble_udp_lines(table: &mut Table, ways: &[Way]) {
    for way in ways.iter().copied() {
        for size in [17, 1000] {
            let fault = format!("garble --percent 100 --direction {}", way.direction());
            let load = Load { size, ..Load::of(100) };
            let ([victim, control], doc) = stream::under(table, &fault, way, load);
            let ok = (victim.sent, victim.garbled, victim.odd) == (100, 100, 0) && control.whole();
            table.line(&format!("garble udp {size} B"), &way.to_string(), [&victim, &control], ok, &doc);
        }
    }
}

/// What an echo server sends back is as long as what it was sent, and something else.
#[test]
fn garble_tcp() {
    if same_as_on_6_1("change::garble_tcp") {
        return;
    }
    let mut table = Table::new();
    garble_tcp_lines(&mut table, &WAYS);
    table.finish();
}

pub fn garble_tcp_lines(table: &mut Table, ways: &[Way]) {
    for way in ways.iter().copied() {
        let servers = BOTH.map(|whose| Echo::serve(&table.world, way, whose, Protocol::Tcp));
        for size in [1, 1000, 20_000] {
            let (answers, doc) =
                table.under(&format!("garble --percent 100 --direction {}", way.direction()), || {
                    let clients = BOTH.map(|whose| Echo::once(&table.world, way, whose, size));
                    clients.map(|client| client.join())
                });
            let ok = answers == ["different", "same"];
            let [victim, control] = &answers;
            table.line(&format!("garble tcp {size} B"), &way.to_string(), [victim, control], ok, &doc);
        }
        drop(servers);
    }
}

#[test]
fn duplicate() {
    if same_as_on_6_1("change::duplicate") {
        return;
    }
    let mut table = Table::new();
    duplicate_lines(&mut table, &WAYS);
    table.finish();
}

pub fn duplicate_lines(table: &mut Table, ways: &[Way]) {
    for way in ways.iter().copied() {
        let fault = format!("duplicate --percent 100 --direction {}", way.direction());
        let ([victim, control], doc) = stream::under(table, &fault, way, Load::of(100));
        let twice = (0..100).all(|number| victim.numbers.iter().filter(|n| **n == number).count() == 2);
        let ok = twice && victim.garbled + victim.odd == 0 && control.whole();
        table.line("duplicate", &way.to_string(), [&victim, &control], ok, &doc);
    }
}

/// TCP does not mind duplicates: what it carries is whole.
#[test]
fn duplicate_tcp() {
    if same_as_on_6_1("change::duplicate_tcp") {
        return;
    }
    let mut table = Table::new();
    for way in WAYS {
        let servers = BOTH.map(|whose| Echo::serve(&table.world, way, whose, Protocol::Tcp));
        let (answers, doc) =
            table.under(&format!("duplicate --percent 100 --direction {}", way.direction()), || {
                let clients = BOTH.map(|whose| Echo::once(&table.world, way, whose, 20_000));
                clients.map(|client| client.join())
            });
        let ok = answers == ["same", "same"];
        let [victim, control] = &answers;
        table.line("duplicate tcp", &way.to_string(), [victim, control], ok, &doc);
        drop(servers);
    }
    table.finish();
}
