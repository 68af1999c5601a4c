//! Many faults on one target: each keeps to what it means, they are asked in the order of their slots, and there is an
//! end to their number.

use crate::support::{
    THERE, World,
    link::{THERE2, second_link},
    same_as_natively,
    traffic::{Received, send_udp},
};

fn datagrams(world: &World, n: u64) -> Received {
    datagrams_to(world, THERE, n)
}

fn datagrams_to(world: &World, ip: &'static str, n: u64) -> Received {
    let to = world.receiver(ip, 9001);
    let sender = world.in_victim(move || format!("{:?}", send_udp(ip, 9001, n, 2)));
    assert_eq!(sender.join(), format!("{:?}", (n, 0)));
    to.finish()
}

#[test]
fn of_sixteen_the_one_that_means_it_acts_and_there_is_no_seventeenth() {
    if same_as_natively("of_sixteen_the_one_that_means_it_acts_and_there_is_no_seventeenth") {
        return;
    }
    let world = World::new();
    second_link(&world.here, &world.there);
    let (target, n) = (world.target(), 300);
    let arm = |port: u16| {
        world.daemon.arm(&format!("drop --target {target} --percent 100 --peer :{port} --for 2m"))
    };
    // How many come through one interface and through the other.
    let came = || [THERE, THERE2].map(|ip| datagrams_to(&world, ip, n).count());
    let others: Vec<String> = (9101..=9115).map(arm).collect();
    assert_eq!(came(), [n, n], "a fault on another port acted");
    let meant = arm(9001);
    let before = world.daemon.json("status");
    assert_eq!(before["faults"].as_array().map(Vec::len), Some(16), "{before}");
    let (code, out, err) = world
        .daemon
        .run(&format!("drop --target {target} --percent 100 --peer {THERE}:9200 --for 1m --detach"));
    assert_eq!(code, 4, "a 17th fault: {out}{err}");
    assert!(err.contains("16 faults are armed") && err.contains("hint: stop one first"), "{err}");
    assert_eq!(came(), [0, 0], "the fault that means the port does not act");
    let counters = |id: &String| ["matched", "acted"].map(|name| world.daemon.counter(id, name));
    assert_eq!(counters(&meant), [2 * n, 2 * n]);
    for id in &others {
        assert_eq!(counters(id), [0, 0], "{id} means another port");
    }
    // A slot that was given back can be taken again.
    world.daemon.json(&format!("stop {meant}"));
    assert_eq!(came(), [n, n]);
    let again = arm(9001);
    assert_eq!(came(), [0, 0]);
    assert_eq!(counters(&again), [2 * n, 2 * n]);
}

/// The second is asked about what the first has let pass, and about nothing else.
#[test]
fn of_two_that_mean_the_same_the_first_is_asked_first() {
    if same_as_natively("of_two_that_mean_the_same_the_first_is_asked_first") {
        return;
    }
    let world = World::new();
    let arm = |every: u32| {
        world
            .daemon
            .arm(&format!("drop --target {} --every {every} --peer {THERE}:9001 --for 2m", world.target()))
    };
    let (first, second) = (arm(2), arm(3));
    let got = datagrams(&world, 600);
    let counters = |id: &String| ["matched", "acted"].map(|name| world.daemon.counter(id, name));
    assert_eq!(counters(&first), [600, 300]);
    assert_eq!(counters(&second), [300, 100]);
    // 1, 3, 5, ... are lost to the first; of 0, 2, 4, 6, ... every third to the second.
    let expected: Vec<u64> = (0..600).filter(|number| number % 2 == 0 && number % 6 != 4).collect();
    let came: Vec<u64> = got.arrivals.iter().map(|one| one.number).collect();
    assert_eq!(came, expected);
}

/// What is not lost comes twice.
#[test]
fn loss_and_duplication_together() {
    if same_as_natively("loss_and_duplication_together") {
        return;
    }
    let world = World::new();
    let arm = |fault: &str| {
        world.daemon.arm(&format!("{fault} --target {} --peer {THERE}:9001 --for 2m", world.target()))
    };
    // The order of arming is not that of asking: loss is asked first.
    let (twice, lost) = (arm("duplicate --percent 100"), arm("drop --every 4"));
    let got = datagrams(&world, 600);
    let counters = |id: &String| ["matched", "acted"].map(|name| world.daemon.counter(id, name));
    assert_eq!(counters(&lost), [600, 150]);
    assert_eq!(counters(&twice)[1], 450);
    assert_eq!((got.count(), got.arrivals.len()), (450, 900), "not all that came, came twice");
    assert!((0..600).all(|number| got.seen.contains(&number) == (number % 4 != 3)));
}
