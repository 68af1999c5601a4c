//! Faults of TCP connections.

use std::time::Instant;

use super::{Table, WAYS, Way, echo, tcp};
use crate::support::same_as_on_6_1;

/// Both ends are told at once that the other end has reset the connection.
#[test]
fn reset() {
    if same_as_on_6_1("connections::reset") {
        return;
    }
    let mut table = Table::new();
    resets(&mut table, &WAYS);
    table.finish();
}

pub fn resets(table: &mut Table, ways: &[Way]) {
    for way in ways.iter().copied() {
        for size in [1, 20_000] {
            let fault = format!("reset --percent 100 --direction {}", way.direction());
            let ([victim, control], doc) =
                tcp::under(table, &fault, way, move |mut stream| echo::round(&mut stream, size));
            let told = |ends: &tcp::Ends, what: &str| ends.client == what;
            let ok = told(&victim, "ECONNRESET") && victim.server == "ECONNRESET" && told(&control, "same");
            table.line(&format!("reset {size} B"), &way.to_string(), [&victim, &control], ok, &doc);
        }
    }
}

/// Connections that are there go on; what becomes of a new one is `expected`.
pub fn new_ones(table: &mut Table, ways: &[Way], fault: &str, flags: &str, expected: &str) {
    for way in ways.iter().copied() {
        let flags = format!("{flags} --direction {}", way.direction());
        let ([victim, control], doc) = tcp::under(table, &flags, way, |mut stream| {
            format!("old {}, new {}", echo::round(&mut stream, 1000), tcp::again(&stream))
        });
        let ok = victim.client == format!("old same, new {expected}")
            && control.client == "old same, new connected";
        table.line(fault, &way.to_string(), [&victim.client, &control.client], ok, &doc);
    }
}

#[test]
fn blackhole() {
    if same_as_on_6_1("connections::blackhole") {
        return;
    }
    let mut table = Table::new();
    new_ones(&mut table, &WAYS, "blackhole", "blackhole", "nothing");
    table.finish();
}

#[test]
fn refuse() {
    if same_as_on_6_1("connections::refuse") {
        return;
    }
    let mut table = Table::new();
    new_ones(&mut table, &WAYS, "refuse", "refuse --percent 100", "ECONNREFUSED");
    table.finish();
}

/// No more than 5 in a second get through: so many tries that the others are refused.
#[test]
fn refuse_above() {
    if same_as_on_6_1("connections::refuse_above") {
        return;
    }
    const TRIES: usize = 60;
    let mut table = Table::new();
    for way in WAYS {
        let flags = format!("refuse --above 5 --direction {}", way.direction());
        let ([victim, control], doc) = tcp::under(&table, &flags, way, |stream| {
            let begun = Instant::now();
            let answers: Vec<String> = (0..TRIES).map(|_| tcp::again(&stream)).collect();
            let count = |what: &str| answers.iter().filter(|answer| *answer == what).count();
            let (connected, refused) = (count("connected"), count("ECONNREFUSED"));
            format!("{connected} {refused} {}", begun.elapsed().as_secs())
        });
        let [of_victim, of_control] = [&victim, &control].map(|ends| {
            ends.client.split(' ').map(|word| word.parse::<usize>().unwrap()).collect::<Vec<_>>()
        });
        let seconds = of_victim[2];
        let ok = (1..=5 * (seconds + 2)).contains(&of_victim[0])
            && of_victim[0] + of_victim[1] == TRIES
            && of_control[..2] == [TRIES, 0];
        let shown = [of_victim, of_control].map(|n| format!("{} of {TRIES} in {} s", n[0], n[2]));
        table.line("refuse above", &way.to_string(), [&shown[0], &shown[1]], ok, &doc);
    }
    table.finish();
}
