//! Packets that are lost.

use serde_json::Value;

use super::{
    Table, WAYS, Way,
    stream::{self, Load, Seen},
};
use crate::support::same_as_on_6_1;

/// A line for each way; PEER in the flags is the other end's address. `right` judges the victim's stream, the control's must be whole.
#[track_caller]
fn lines(fault: &str, flags: &str, load: Load, ways: &[Way], right: impl Fn(&Seen, &Value) -> bool) {
    let mut table = Table::new();
    for way in ways {
        let flags = flags.replace("PEER", way.there(&table.world).ip);
        let ([victim, control], doc) =
            stream::under(&table, &format!("{flags} --direction {}", way.direction()), *way, load);
        let ok = right(&victim, &doc) && control.whole();
        table.line(fault, &way.to_string(), [&victim, &control], ok, &doc);
    }
    table.finish();
}

#[test]
fn drop_all() {
    if same_as_on_6_1("loss::drop_all") {
        return;
    }
    lines("drop", "drop --percent 100 --peer PEER", Load::of(100), &WAYS, |victim, _| {
        (victim.sent, victim.numbers.len()) == (100, 0)
    });
}

#[test]
fn drop_with_local_error() {
    if same_as_on_6_1("loss::drop_with_local_error") {
        return;
    }
    let out = WAYS.map(|way| way.egress.then_some(way)).into_iter().flatten().collect::<Vec<_>>();
    lines("drop local-error", "drop --percent 100 --local-error", Load::of(100), &out, |victim, _| {
        (victim.sent, victim.refused, victim.numbers.len()) == (0, 100, 0)
    });
}

#[test]
fn drop_the_first() {
    if same_as_on_6_1("loss::drop_the_first") {
        return;
    }
    lines("drop first", "drop --first 3", Load::of(30), &WAYS, |victim, _| victim.lost() == [0, 1, 2]);
}

#[test]
fn drop_every_second() {
    if same_as_on_6_1("loss::drop_every_second") {
        return;
    }
    lines("drop every", "drop --every 2", Load::of(30), &WAYS, |victim, _| {
        victim.lost().into_iter().eq((1..30).step_by(2))
    });
}

/// A flow is lost whole or not at all. 4.7 sigma at either side of a half.
#[test]
fn drop_flows() {
    if same_as_on_6_1("loss::drop_flows") {
        return;
    }
    const FLOWS: u64 = 40;
    let load = Load { datagrams: FLOWS * 5, flows: FLOWS, ..Load::of(0) };
    lines("drop flows", "drop --flows 50", load, &WAYS, |victim, _| {
        let mut of_flow = [0; FLOWS as usize];
        for number in victim.lost() {
            of_flow[(number % FLOWS) as usize] += 1;
        }
        let gone = of_flow.iter().filter(|lost| **lost == 5).count();
        let mixed = of_flow.iter().filter(|lost| !matches!(lost, 0 | 5)).count();
        println!("| drop flows | {gone} of {FLOWS} flows lost everything, {mixed} some of it |");
        mixed == 0 && (5..=35).contains(&gone)
    });
}

/// A quarter of the packets, in bursts of 10 / 3 on average; without bursts it would be 4 / 3.
#[test]
fn drop_bursts() {
    if same_as_on_6_1("loss::drop_bursts") {
        return;
    }
    lines("drop bursts", "drop --bursts 10%,30%", Load::of(1500), &WAYS, |victim, _| {
        let lost = victim.lost();
        let bursts = 1 + lost.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
        let (share, length) = (lost.len() as f64 / 1500.0, lost.len() as f64 / bursts as f64);
        println!("| drop bursts | {:.1} % lost, {length:.2} in a burst |", share * 100.0);
        (0.12..=0.40).contains(&share) && length > 2.0
    });
}

/// Each way, and both ways at once with the victim as sender and as receiver.
#[test]
fn partition() {
    if same_as_on_6_1("loss::partition") {
        return;
    }
    let mut table = Table::new();
    for way in WAYS {
        for direction in [way.direction(), "both"] {
            let fault = format!("partition --direction {direction}");
            let ([victim, control], doc) = stream::under(&table, &fault, way, Load::of(100));
            let ok = (victim.sent, victim.numbers.len()) == (100, 0) && control.whole();
            let name = if direction == "both" { "partition both" } else { "partition" };
            table.line(name, &way.to_string(), [&victim, &control], ok, &doc);
        }
    }
    table.finish();
}
