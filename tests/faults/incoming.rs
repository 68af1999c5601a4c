//! Whose packets on their way in are not meant.

use std::{net::UdpSocket, time::Duration};

use crate::support::{
    HERE, World,
    child::{Child, fork},
    same_in_every_guest,
    traffic::{Flag, send_udp},
    wait_for,
};

const N: u64 = 200;

/// Receives as a user, in the victim's cgroup and on all addresses, until nothing has come for a second: how much came.
fn receiver(world: &World, uid: u32, port: u16) -> Child {
    let bound = Flag::new();
    let child = fork(Some(&world.victim), &world.here, || {
        nix::unistd::setresuid(uid.into(), uid.into(), uid.into()).unwrap();
        let socket = UdpSocket::bind(("0.0.0.0", port)).unwrap();
        bound.set();
        // The first may take as long as it takes to arm.
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (mut came, mut buffer) = (0, [0; 2048]);
        while socket.recv(&mut buffer).is_ok() {
            came += 1;
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        }
        came.to_string()
    });
    wait_for(30, "a receiver", || bound.is_set().then_some(()));
    child
}

#[test]
fn packets_to_a_protected_user_are_spared() {
    if crate::support::same_as_natively("packets_to_a_protected_user_are_spared") {
        return;
    }
    let world = World::with("mode: armed\nmax_percent: 100\nprotect: [\"user:4711\"]\n");
    let receivers = [receiver(&world, 4711, 9001), receiver(&world, 4712, 9002)];
    let id = world.daemon.arm(&format!(
        "duplicate --target {} --percent 100 --direction ingress --protocol udp --for 1m",
        world.target()
    ));
    for port in [9001, 9002] {
        let sent = world.over_there(move || format!("{:?}", send_udp(HERE, port, N, 1))).join();
        assert_eq!(sent, format!("{:?}", (N, 0)));
    }
    let came = receivers.map(Child::join);
    assert_eq!(came, [N.to_string(), (2 * N).to_string()], "to the protected user, and to another one");
    assert_eq!(world.daemon.counter(&id, "passed_protected"), N);
}

/// A bridge's port sees what is for others; a socket that listens to all addresses would be found for it.
#[test]
fn packets_for_another_host_are_not_meant() {
    if same_in_every_guest("packets_for_another_host_are_not_meant") {
        return;
    }
    const ANOTHER: &str = "10.77.0.9";
    let world = World::lent();
    let receiver = receiver(&world, 0, 9001);
    world.there.ip(&format!("neigh add {ANOTHER} lladdr 02:00:00:00:00:09 dev v1"));
    let id = world.daemon.arm(&format!(
        "duplicate --target {} --percent 100 --direction ingress --protocol udp --for 1m",
        world.target()
    ));
    let send = |to: &'static str| world.over_there(move || format!("{:?}", send_udp(to, 9001, N, 1))).join();
    assert_eq!(send(ANOTHER), format!("{:?}", (N, 0)));
    assert_eq!(world.daemon.counter(&id, "matched"), 0, "what is for another host is meant");
    assert_eq!(send(HERE), format!("{:?}", (N, 0)));
    assert_eq!(receiver.join(), (2 * N).to_string());
    assert_eq!(world.daemon.counter(&id, "matched"), N);
}
