//! Budgets are the kernel's: however many send at once, never more than what was allowed is touched.

use std::{
    collections::BTreeMap,
    net::UdpSocket,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::support::{THERE, World, same_as_natively, skip, stream::Stream};

const THREADS: u64 = 64;

/// Sixty-four threads in the victim, each with a socket of its own, send `each` numbered datagrams as fast as they
/// can; returns how many were sent.
fn storm(world: &World, port: u16, each: u64) -> u64 {
    let sender = world.in_victim(move || {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                std::thread::spawn(move || {
                    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                    socket.connect((THERE, port)).unwrap();
                    for number in 0..each {
                        socket.send(&(thread * each + number).to_be_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        String::new()
    });
    sender.join();
    THREADS * each
}

fn acted(world: &World, id: &str, what: &str) -> u64 {
    world.daemon.counter(id, what)
}

/// Not with one processor: nothing runs at the same time there.
fn one_processor(test: &str) -> bool {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors < 2 && skip(test, "needs two processors")
}

#[test]
fn a_budget_of_packets_is_never_exceeded_by_many_at_once() {
    if one_processor("a_budget_of_packets_is_never_exceeded_by_many_at_once") {
        return;
    }
    let world = World::new();
    let budget = 5000;
    for round in 0..3 {
        let port = 9001 + round;
        let to = world.receiver(THERE, port);
        let id = world.daemon.arm(&format!(
            "drop --target {} --percent 100 --peer {THERE}:{port} --budget {budget} --for 1m",
            world.target()
        ));
        let sent = storm(&world, port, 200);
        let got = to.finish();
        let lost = sent - got.count();
        let counted = acted(&world, &id, "acted");
        println!("n={sent} datagrams of {THREADS} threads: {lost} lost, {counted} selected, budget {budget}");
        assert_eq!(got.no_room, 0, "datagrams were lost for want of room");
        assert_eq!((lost, counted), (budget, budget));
        assert_eq!(world.daemon.ended(&id, 5)["end"], "budget");
    }
}

#[test]
fn a_budget_of_bytes_is_never_exceeded_by_many_at_once() {
    if one_processor("a_budget_of_bytes_is_never_exceeded_by_many_at_once") {
        return;
    }
    let budget = 300_000;
    let world =
        World::with(&format!("mode: armed\nmax_percent: 100\nbudget:\n  fault:\n    bytes: {budget}\n"));
    let to = world.receiver(THERE, 9001);
    let id = world.daemon.arm(&format!("drop --target {} --percent 100 --for 1m", world.target()));
    let sent = storm(&world, 9001, 200);
    let got = to.finish();
    let lost = sent - got.count();
    let (packets, bytes) = (acted(&world, &id, "acted"), acted(&world, &id, "acted_bytes"));
    println!(
        "n={sent} datagrams of {THREADS} threads: {lost} lost, {bytes} bytes in {packets} packets, budget {budget}"
    );
    assert_eq!(got.no_room, 0);
    assert_eq!(lost, packets);
    // 8 bytes of payload, UDP, IPv4 and Ethernet headers: another one would have been too much.
    assert!(bytes <= budget && bytes + bytes / packets > budget, "{bytes} bytes of {budget}");
    assert!(bytes / packets >= 36, "{bytes} bytes in {packets} packets");
    assert_eq!(world.daemon.ended(&id, 5)["end"], "budget");
}

#[test]
fn a_budget_of_the_node_holds_for_all_faults_together() {
    if one_processor("a_budget_of_the_node_holds_for_all_faults_together") {
        return;
    }
    let budget = 4000;
    let world =
        World::with(&format!("mode: armed\nmax_percent: 100\nbudget:\n  node:\n    packets: {budget}\n"));
    let ids = [9001, 9002].map(|port| {
        world
            .daemon
            .arm(&format!("drop --target {} --percent 100 --peer {THERE}:{port} --for 1m", world.target()))
    });
    let receivers = [9001, 9002].map(|port| world.receiver(THERE, port));
    // One after the other: the second one finds what the first has left.
    let first = storm(&world, 9001, 40);
    let second = storm(&world, 9002, 100);
    let got: u64 = receivers.into_iter().map(|receiver| receiver.finish().count()).sum();
    let counted: Vec<u64> = ids.iter().map(|id| acted(&world, id, "acted")).collect();
    println!(
        "n={} datagrams: {} lost, selected {counted:?}, the node's budget {budget}",
        first + second,
        first + second - got
    );
    assert_eq!(counted, [first, budget - first]);
    assert_eq!(first + second - got, budget);
    for id in &ids {
        assert_eq!(world.daemon.ended(id, 5)["end"], "budget");
    }
}

/// A fault with a rate lives on: in every second it touches so much and no more.
#[test]
fn a_budget_a_second_is_never_exceeded() {
    // Arming takes seconds of the stream's time in a guest.
    if same_as_natively("a_budget_a_second_is_never_exceeded") {
        return;
    }
    let rate = 50;
    let world = World::with(&format!(
        "mode: armed\nmax_percent: 100\nbudget:\n  fault:\n    packets_per_second: {rate}\n"
    ));
    let stream = Stream::start(&world, Duration::from_millis(5500));
    sleep(Duration::from_millis(200));
    let begun = Instant::now();
    let id = world.daemon.arm(&format!("drop --target {} --percent 100 --for 1m", world.target()));
    let (lost, sent) = stream.lost();
    let seconds = begun.elapsed().as_secs() + 1;
    let counted = acted(&world, &id, "acted");
    let sliding = lost
        .iter()
        .map(|from| lost.iter().filter(|t| (*from..*from + 1000).contains(*t)).count())
        .max()
        .unwrap_or(0) as u64;
    let mut by_second: BTreeMap<u64, u64> = BTreeMap::new();
    for t in &lost {
        *by_second.entry((t - lost[0]) / 1000).or_default() += 1;
    }
    println!(
        "n={sent}: {counted} selected in {seconds} s, {rate} a second allowed; most in any 1,000 ms {sliding}; {by_second:?}"
    );
    assert_eq!(lost.len() as u64, counted);
    assert!(counted <= rate * (seconds + 1), "{counted} in {seconds} s");
    assert!(counted >= rate * 2, "only {counted}: the second's budget does not come back");
    // Two windows of the kernel's touch any second of ours; a third if the sender was held up between its clock and
    // its send.
    assert!(sliding <= 3 * rate, "{sliding} in one second");
    let fault = world.daemon.fault(&id);
    assert_eq!(fault["state"], "armed", "{fault}");
    assert!(fault["counters"]["passed_rate"].as_u64().unwrap() > 0, "{fault}");
}
