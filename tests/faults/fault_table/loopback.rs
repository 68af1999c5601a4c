//! Between programs of one machine: lo's link layer has no addresses, and what leaves by it comes in by it.

use super::{LOOPBACK, Table, change, connections, dns, stream};
use crate::support::same_as_in;

#[test]
fn lost_and_refused_on_loopback() {
    if same_as_in("6.1", "loopback::lost_and_refused_on_loopback") {
        return;
    }
    let mut table = Table::new();
    for way in LOOPBACK {
        let fault = format!("drop --percent 100 --direction {}", way.direction());
        let ([victim, control], doc) = stream::under(&table, &fault, way, stream::Load::of(100));
        let ok = (victim.sent, victim.numbers.len()) == (100, 0) && control.whole();
        table.line("drop", &way.to_string(), [&victim, &control], ok, &doc);
    }
    connections::resets(&mut table, &LOOPBACK);
    connections::new_ones(&mut table, &LOOPBACK, "refuse", "refuse --percent 100", "ECONNREFUSED");
    table.finish();
}

#[test]
fn changed_and_answered_on_loopback() {
    if same_as_in("6.1", "loopback::changed_and_answered_on_loopback") {
        return;
    }
    let mut table = Table::new();
    change::garble_udp_lines(&mut table, &LOOPBACK);
    change::garble_tcp_lines(&mut table, &LOOPBACK);
    change::duplicate_lines(&mut table, &LOOPBACK);
    let answer = "example.test --answer nxdomain";
    dns::lines(&mut table, &LOOPBACK, answer, "code 3 records 0", &dns::EXACT);
    table.finish();
}
