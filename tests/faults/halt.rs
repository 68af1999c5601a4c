//! The node-wide stop lever needs nothing: no argument, no reason, no daemon.

use std::{thread::sleep, time::Duration};

use nix::sys::signal::Signal;

use crate::support::{THERE, World, traffic::send_udp};

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
    if crate::support::same_as_on_6_1("halt_with_the_daemon_running") {
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
    if crate::support::same_as_on_6_1("halt_with_the_daemon_dead") {
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
    if crate::support::same_as_on_6_1("halt_with_the_daemon_stopped") {
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
    if crate::support::same_as_on_6_1("a_second_daemon_names_the_first") {
        return;
    }
    let world = World::new();
    let (code, _, err) = world.daemon.run("daemon");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains(&format!("pid {}", world.daemon.pid())), "{err}");
}
