//! Packets that are sent through a device of ours.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::{Duration, Instant},
};

use super::{
    BOTH, LOOPBACK, Table, WAYS, Way, Whose,
    echo::{Echo, Protocol},
    stream::{self, Load, address},
};
use crate::support::{World, child::Child, kernel, lacks, same_as_in, same_as_on_6_1, traffic::connect};

/// None: this kernel has no netem (`delay`), tbf (`rate`) or fq (`rate per flow`).
fn table(test: &str, needs: &[&str]) -> Option<Table> {
    if same_as_on_6_1(test) {
        return None;
    }
    let table = Table::new();
    if needs.iter().any(|what| lacks(test, &table.world.daemon, what)) { None } else { Some(table) }
}

/// A round trip takes longer by what was asked; the control's does not take half of that.
#[test]
fn delay() {
    let Some(mut table) = table("device::delay", &["delay"]) else { return };
    for way in WAYS.into_iter().chain(LOOPBACK) {
        let _servers =
            BOTH.map(|whose| Echo::serve(&table.world, Way { egress: true, ..way }, whose, Protocol::Udp));
        let (times, doc) = table.under(&format!("delay --by 200ms --direction {}", way.direction()), || {
            let clients = BOTH.map(|whose| Echo::round_trip(&table.world, way, whose));
            clients.map(|client| client.join().parse::<u128>().unwrap())
        });
        let [victim, control] = times;
        let ok = victim >= 200_000 && control < 100_000;
        let shown = times.map(|time| format!("{:.1} ms", time as f64 / 1000.0));
        table.line("delay", &way.to_string(), [&shown[0], &shown[1]], ok, &doc);
    }
    table.finish();
}

/// One bit of each packet is another one, and the receiver's checksums see it; but for bits that none covers: the link's
/// source, IPv6's flow.
#[test]
fn corrupt() {
    let Some(mut table) = table("device::corrupt", &["delay"]) else { return };
    for way in WAYS {
        let fault = format!("corrupt --percent 100 --direction {}", way.direction());
        let load = Load { size: 1000, ..Load::of(300) };
        let ([victim, control], doc) = stream::under(&table, &fault, way, load);
        let ok = victim.sent == 300 && victim.numbers.len() < 30 && victim.garbled == 0 && control.whole();
        table.line("corrupt", &way.to_string(), [&victim, &control], ok, &doc);
    }
    table.finish();
}

#[test]
fn reorder() {
    let Some(mut table) = table("device::reorder", &["delay"]) else { return };
    for way in WAYS {
        let fault = format!("reorder --percent 20 --by 50ms --direction {}", way.direction());
        let ([victim, control], doc) = stream::under(&table, &fault, way, Load::of(300));
        let ok = victim.lost().is_empty() && victim.overtaken() > 5 && control.whole();
        table.line("reorder", &way.to_string(), [&victim, &control], ok, &doc);
    }
    table.finish();
}

/// 1 Mbit/s, shared by all or for each flow: the victim has no more than twice as much, the control at least three times
/// what the victim has. Both send 25 times the rate at most: a control that takes the guest's one processor for itself
/// would measure the scheduler.
#[test]
fn rate() {
    if kernel() == "6.12" && same_as_in("6.1", "device::rate") {
        return;
    }
    let Some(mut table) = table("device::rate", &["rate", "rate per flow"]) else { return };
    for (flag, name) in [("", "rate"), (" --per-flow", "rate per-flow")] {
        for way in WAYS {
            let servers = BOTH.map(|whose| counting_server(&table.world, way, whose));
            let fault = format!("rate --rate 1mbit{flag} --direction {}", way.direction());
            let begun = Instant::now();
            let (results, doc) = table.under(&fault, || {
                let _clients = BOTH.map(|whose| {
                    let ip = way.to(&table.world, whose).ip;
                    way.from(&table.world, whose).run(move || {
                        paced(ip, whose.port());
                        String::new()
                    })
                });
                servers.map(|server| {
                    let said = server.join();
                    let (bytes, ms) = said.split_once(' ').unwrap();
                    (bytes.parse::<f64>().unwrap(), ms.parse::<f64>().unwrap())
                })
            });
            let per_second = results.map(|(bytes, ms)| bytes * 1000.0 / ms);
            let (bytes, [slow, fast]) = (results[0].0, per_second);
            // From before the fault was armed, and the burst besides.
            let most = 2.0 * 125.0 * begun.elapsed().as_millis() as f64 + 100_000.0;
            let ok = bytes > 0.0 && bytes <= most && fast >= 3.0 * slow;
            let shown = per_second.map(|rate| format!("{:.0} kB/s", rate / 1000.0));
            table.line(name, &way.to_string(), [&shown[0], &shown[1]], ok, &doc);
        }
    }
    table.finish();
}

/// Eight times as much as a rate lets through, which no sender slows down: what is over is lost, that is reported, and
/// the fault goes on until it is stopped.
#[test]
fn overload() {
    if same_as_in("6.1", "device::overload") {
        return;
    }
    let Some(mut table) = table("device::overload", &["rate", "rate per flow"]) else { return };
    for (flag, name) in [("", "rate overload"), (" --per-flow", "rate per-flow overload")] {
        for way in WAYS {
            let fault = format!("rate --rate 1mbit{flag} --direction {}", way.direction());
            let load = Load { size: 1000, ..Load::of(2000) };
            let begun = Instant::now();
            let ([victim, control], doc) = stream::under(&table, &fault, way, load);
            // From before the fault was armed: more than the rate could use, and the burst besides.
            let most = 2.0 * 125.0 * begun.elapsed().as_millis() as f64 + 100_000.0;
            let came = (victim.numbers.len() * load.size) as f64;
            let lost = doc["counters"]["tail_drops"].as_u64().unwrap();
            let ok = came > 0.0 && came <= most && lost > 0 && doc["end"] == "stopped" && control.whole();
            table.line(name, &way.to_string(), [&victim, &control], ok, &doc);
        }
    }
    table.finish();
}

/// Sends 3 MB/s at most, until the other end has gone.
fn paced(ip: &str, port: u16) {
    let mut stream = connect(ip, port);
    while stream.write_all(&[0; 1 << 14]).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Counts what comes over one connection in two seconds; says how many bytes, and in how many milliseconds.
fn counting_server(world: &World, way: Way, whose: Whose) -> Child {
    let place = way.to(world, whose);
    let at = address(place.ip, whose.port());
    place.run(move || {
        let (mut stream, _) = TcpListener::bind(at).unwrap().accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let (begun, mut bytes, mut buffer) = (Instant::now(), 0, vec![0; 1 << 16]);
        while begun.elapsed() < Duration::from_secs(2) {
            bytes += stream.read(&mut buffer).unwrap_or(0);
        }
        format!("{bytes} {}", begun.elapsed().as_millis())
    })
}
