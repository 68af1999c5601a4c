//! The target goes, the daemon goes: what they leave is taken away.

use std::{thread::sleep, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{THERE, World, able, same_in_every_guest, traffic::send_udp};

#[test]
fn a_target_that_is_removed_ends_its_fault() {
    if crate::support::same_as_natively("a_target_that_is_removed_ends_its_fault") {
        return;
    }
    let world = World::new();
    let target = world.victim.child("short-lived");
    let id = world
        .daemon
        .arm(&format!("drop --target cgroup:{} --percent 100 --direction both --for 1m", target.path));
    let other =
        world.daemon.arm(&format!("drop --target cgroup:{} --percent 100 --for 1m", world.control.path));
    drop(target);
    let fault = world.daemon.ended(&id, 10);
    assert_eq!(fault["end"], "target-lost", "{fault}");
    assert_eq!(fault["clean"]["left"], serde_json::json!([]), "{fault}");
    assert_eq!(world.daemon.fault(&other)["state"], "armed", "the other fault has its target");
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |of: &u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    pids.filter(|of| parent(of) == Some(pid)).collect()
}

/// Daemon and watcher are dead: `clean` finds what is left from the kernel's own truth, and only that.
#[test]
fn clean_needs_no_daemon() {
    if same_in_every_guest("clean_needs_no_daemon") {
        return;
    }
    let mut world = World::new();
    let target = world.target();
    let id = world.daemon.arm(&format!("drop --target {target} --percent 100 --direction both --for 2m"));
    if able(&world.daemon, "delay").is_ok() {
        world.daemon.arm(&format!("delay --target {target} --by 20ms --peer {THERE}:9002 --for 2m"));
    }
    for watcher in children(world.daemon.pid()) {
        kill(Pid::from_raw(watcher.try_into().unwrap()), Signal::SIGKILL).unwrap();
    }
    let look = || world.here.run("tc", "filter show dev v0 egress") + &world.here.run("ip", "-br link");
    let ours = |text: &str| text.contains("injector:") || text.contains("inj");
    let left_by_clsact = ours(&look());
    let (code, out, err) = world.daemon.run("--json clean");
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(ours(&look()), left_by_clsact, "a living daemon's things were removed");
    let to = world.receiver(THERE, 9001);
    world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, 100, 2))).join();
    assert_eq!(to.finish().count(), 0, "clean has ended a living daemon's fault");

    world.daemon.kill();
    sleep(Duration::from_millis(if crate::support::kernel() == "native" { 100 } else { 1000 }));
    let to = world.receiver(THERE, 9001);
    world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, 100, 2))).join();
    assert_eq!(to.finish().count(), 100, "a fault acts without its daemon");
    assert_eq!(ours(&look()), left_by_clsact, "somebody else has cleaned: this test would prove nothing");
    let clean = world.daemon.json("clean");
    println!("n=1 clean without a daemon: {clean}");
    assert_eq!(clean["left"], serde_json::json!([]), "{clean}");
    assert_eq!(clean["removed"].as_array().is_some_and(|all| !all.is_empty()), left_by_clsact, "{clean}");
    let left = world.here.run("tc", "filter show dev v0 egress") + &world.here.run("ip", "-br link");
    assert!(!ours(&left), "{left}");
    world.daemon.restart(&world.here);
    let log = world.daemon.log();
    assert!(log.contains(&format!("an earlier daemon died while {id} was armed")), "{log}");
    assert_eq!(world.daemon.json("status")["attached"], serde_json::json!([]));
}
