//! Who is not meant notices nothing: not while faults are, and not when they begin, change and end.

use std::net::UdpSocket;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{THERE, World, able, kernel, same_in_every_guest, traffic::Flag};

/// A numbered stream of the control, while faults of all kinds come and go on the interface that it uses.
#[test]
fn arming_changing_and_stopping_lose_and_reorder_nothing_of_others() {
    if same_in_every_guest("arming_changing_and_stopping_lose_and_reorder_nothing_of_others") {
        return;
    }
    let world = World::new();
    let mut faults = vec!["drop --percent 50 --direction both", "reset --percent 50 --direction both"];
    // An emulated guest takes three seconds for each: there one of those that lose, one that answers, and what this
    // machine's kernel may lack.
    if kernel() == "native" {
        faults.extend([
            "drop --ramp 1%..80%/1s",
            "drop --percent 50 --local-error",
            "garble --percent 50 --direction both",
            "duplicate --percent 50",
        ]);
    }
    if able(&world.daemon, "delay").is_ok() {
        faults.extend(["delay --by 50ms --direction both", "corrupt --percent 50"]);
    }
    if able(&world.daemon, "rate").is_ok() {
        faults.push("rate --rate 1mbit");
    }
    let arm = |fault: &str| world.daemon.arm(&format!("{fault} --target {} --for 1m", world.target()));
    // Whoever makes a clsact qdisc stops the interface's queues for a moment; `plan` says so, and it stays.
    for fault in &faults {
        world.daemon.json(&format!("stop {}", arm(fault)));
    }
    let to = world.receiver(THERE, 9001);
    let over = Flag::new();
    let control = world.in_control(|| send_until(&over, 9001));
    // The faults have something to do.
    let victim = world.in_victim(|| send_until(&over, 9002));
    let begun = Instant::now();
    for shadow in [false, true] {
        for fault in &faults {
            let id = arm(&if shadow { format!("{fault} --shadow") } else { (*fault).to_owned() });
            sleep(Duration::from_millis(100));
            if shadow {
                world.daemon.json(&format!("arm {id}"));
                sleep(Duration::from_millis(100));
            }
            world.daemon.json(&format!("stop {id}"));
        }
    }
    let took = begun.elapsed();
    over.set();
    victim.join();
    let sent: u64 = control.join().parse().unwrap();
    let got = to.finish();
    assert_eq!(got.no_room, 0);
    let came: Vec<u64> = got.arrivals.iter().map(|one| one.number).collect();
    println!(
        "n={sent} datagrams of the control in {took:.1?}, while {} faults came and went",
        2 * faults.len()
    );
    assert!(came.iter().copied().eq(0..sent), "lost, doubled or reordered: {}", got.missing(sent));
}

/// Numbered datagrams, one in 4 ms, which leaves a guest time for other things; says how many.
fn send_until(over: &Flag, port: u16) -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect((THERE, port)).unwrap();
    let mut sent = 0_u64;
    while !over.is_set() {
        match socket.send(&sent.to_be_bytes()) {
            Ok(_) => sent += 1,
            // The victim is told of losses, by the cgroup's hook.
            Err(_) if port == 9002 => {}
            Err(error) => panic!("datagram {sent}: {error}"),
        }
        sleep(Duration::from_millis(4));
    }
    sent.to_string()
}
