//! The node-wide stop lever needs nothing: no argument, no reason, no daemon.

use std::{net::UdpSocket, thread::sleep, time::Duration};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{
    THERE, World,
    child::fork,
    figure, kernel, now_ms,
    traffic::{Flag, Receiver, send_udp},
    wait_for,
};

/// Does the victim's traffic pass?
fn passes(world: &World) -> bool {
    let to = world.receiver(THERE, 9001);
    world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, 100, 2))).join();
    match to.finish().count() {
        100 => true,
        0 => false,
        some => panic!("{some} of 100 datagrams passed"),
    }
}

fn drop_all(world: &World) -> String {
    format!("drop --target {} --percent 100 --for 1m", world.target())
}

fn refused(world: &World) {
    let (code, out, err) = world.daemon.run(&format!("{} --detach", drop_all(world)));
    assert_eq!(code, 4, "a halted node must refuse: {out}{err}");
    assert!(err.contains("HALTED") && err.contains("halt --lift"), "{err}");
}

#[test]
fn halt_with_the_daemon_running() {
    if crate::support::same_as_natively("halt_with_the_daemon_running") {
        return;
    }
    let world = World::new();
    let id = world.daemon.arm(&drop_all(&world));
    assert!(!passes(&world));
    let (code, out, err) = world.daemon.run("halt --why test");
    assert_eq!(code, 0, "{out}{err}");
    assert!(passes(&world));
    assert_eq!(world.daemon.fault(&id)["end"], "halted");
    refused(&world);
    let (_, out, _) = world.daemon.run("status");
    assert!(out.starts_with("HALTED by root"), "{out}");
    assert_eq!(world.daemon.run("halt --lift").0, 0);
    let id = world.daemon.arm(&drop_all(&world));
    assert!(!passes(&world));
    world.daemon.json(&format!("stop {id}"));
}

#[test]
fn halt_with_the_daemon_dead() {
    if crate::support::same_in_every_guest("halt_with_the_daemon_dead") {
        return;
    }
    let mut world = World::new();
    world.daemon.arm(&drop_all(&world));
    world.daemon.kill();
    let (code, out, err) = world.daemon.run("halt");
    assert_eq!(code, 0, "{out}{err}");
    assert!(passes(&world));
    world.daemon.restart(&world.here);
    refused(&world);
    world.daemon.kill();
    world.daemon.restart(&world.here);
    refused(&world);
    assert_eq!(world.daemon.run("halt --lift").0, 0);
    world.daemon.arm(&drop_all(&world));
    assert!(!passes(&world));
}

#[test]
fn halt_with_the_daemon_stopped() {
    if crate::support::same_in_every_guest("halt_with_the_daemon_stopped") {
        return;
    }
    let mut world = World::new();
    let id = world.daemon.arm(&drop_all(&world));
    world.daemon.signal(Signal::SIGSTOP);
    let (code, out, err) = world.daemon.run("halt");
    assert_eq!(code, 0, "{out}{err}");
    assert!(passes(&world), "a fault acted after halt had returned");
    world.daemon.signal(Signal::SIGCONT);
    sleep(Duration::from_secs(1));
    assert!(passes(&world), "the fault came back with the daemon");
    assert_eq!(world.daemon.fault(&id)["state"], "ended");
    refused(&world);
    world.daemon.kill();
    world.daemon.restart(&world.here);
    refused(&world);
    assert_eq!(world.daemon.run("halt --lift").0, 0);
}

#[test]
fn a_second_daemon_names_the_first() {
    if crate::support::same_as_natively("a_second_daemon_names_the_first") {
        return;
    }
    let world = World::new();
    let (code, _, err) = world.daemon.run("daemon");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains(&format!("pid {}", world.daemon.pid())), "{err}");
}

/// Sixteen faults under load, halted again and again: nothing that is sent after the command has returned is lost.
#[test]
fn halt_freezes_sixteen_faults_under_load() {
    if crate::support::same_as_natively("halt_freezes_sixteen_faults_under_load") {
        return;
    }
    const FAULTS: u64 = 16;
    let world = World::new();
    for last in 0..FAULTS {
        world.there.ip(&format!("addr add 10.77.0.{}/24 dev v1", 100 + last));
    }
    let (halts, pause) = (figure(20, 200, 2), if kernel() == "native" { 2 } else { 20 });
    let stop = Flag::new();
    let receiver = Receiver::start(None, &world.there, "0.0.0.0", 9001);
    let sender = fork(Some(&world.victim), &world.here, || {
        let sockets: Vec<UdpSocket> = (0..FAULTS)
            .map(|last| {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.connect((format!("10.77.0.{}", 100 + last).as_str(), 9001)).unwrap();
                socket
            })
            .collect();
        let mut rounds = Vec::new();
        while !stop.is_set() {
            let round = rounds.len() as u64;
            rounds.push(now_ms().to_string());
            for (socket, last) in sockets.iter().zip(0..) {
                socket.send(&(round * FAULTS + last).to_be_bytes()).unwrap();
            }
            sleep(Duration::from_millis(pause));
        }
        rounds.join(" ")
    });
    let target = world.target();
    let (mut took, mut frozen) = (Vec::new(), Vec::new());
    for halt in 0..halts {
        let ids: Vec<String> = (0..FAULTS)
            .map(|last| {
                let peer = format!("10.77.0.{}", 100 + last);
                let spec =
                    json!({"kind": "drop", "percent": 50, "targets": [target], "peer": peer, "for": "5m"});
                let fault = world.daemon.post("/v1/faults", &spec);
                fault["id"].as_str().unwrap_or_else(|| panic!("{fault}")).to_owned()
            })
            .collect();
        wait_for(30, "all faults act", || {
            let status = world.daemon.get("/v1/status");
            let live = status["faults"].as_array().unwrap().iter().filter(|fault| fault["state"] == "armed");
            (live.filter(|fault| fault["counters"]["acted"] != 0).count() as u64 == FAULTS).then_some(())
        });
        let begun = now_ms();
        let (code, out, err) = world.daemon.run("halt");
        let at = now_ms();
        assert_eq!(code, 0, "{out}{err}");
        took.push(at - begun);
        sleep(Duration::from_millis(10 * pause));
        frozen.push((at + 1, now_ms()));
        let status = world.daemon.get("/v1/status");
        for fault in status["faults"].as_array().unwrap().iter().take(FAULTS as usize) {
            assert!(ids.iter().any(|id| fault["id"] == id.as_str()), "{fault}");
            assert_eq!(fault["end"], "halted", "halt {halt}: {fault}");
        }
        assert_eq!(world.daemon.run("halt --lift").0, 0);
    }
    stop.set();
    let rounds: Vec<u64> = sender.join().split_whitespace().map(|word| word.parse().unwrap()).collect();
    let got = receiver.finish();
    assert_eq!(got.no_room, 0);
    let mut quiet = 0;
    for (round, at) in rounds.iter().enumerate() {
        // A round takes a moment itself: what began well inside was sent inside.
        if !frozen.iter().any(|(from, to)| (*from..*to).contains(at)) {
            continue;
        }
        for last in 0..FAULTS {
            let number = round as u64 * FAULTS + last;
            assert!(got.seen.contains(&number), "a datagram to peer {last} was lost after halt had returned");
            quiet += 1;
        }
    }
    took.sort_unstable();
    let p99 = took[(took.len() * 99).div_ceil(100) - 1];
    println!(
        "n={halts} halts of {FAULTS} faults: p99 {p99} ms, median {} ms; {quiet} datagrams sent after them, 0 lost; {} of {} lost before",
        took[took.len() / 2],
        rounds.len() as u64 * FAULTS - got.count(),
        rounds.len() as u64 * FAULTS,
    );
    assert!(quiet > halts * FAULTS, "hardly anything was sent after a halt: {quiet}");
}
