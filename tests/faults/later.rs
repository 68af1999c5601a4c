//! Interfaces that come later, and a target that comes to others: a live fault is there as well, and goes from there.

use std::{os::unix::fs::MetadataExt as _, thread::sleep, time::Duration};

use serde_json::json;

use crate::support::{
    THERE, World,
    came::{DATAGRAMS, PORT, came},
    cgroup::Cgroup,
    child::{self, Child},
    link::{HERE2, THERE2, second_link},
    netns::Netns,
    same_in_every_guest, wait_for,
};

/// A process of the target's: without one nobody can tell in which namespace it is.
fn process(world: &World, ns: &Netns) -> Child {
    child::fork(Some(&world.victim), ns, || {
        sleep(Duration::from_secs(120));
        String::new()
    })
}

/// Loses everything, both ways.
fn arm(world: &World) -> String {
    let fault = format!("drop --target {} --percent 100 --direction both --for 2m", world.target());
    world.daemon.arm(&fault)
}

/// Until the fault says that it is at w0.
fn reaches_it(world: &World, id: &str) {
    wait_for(20, "the fault at w0", || {
        let fault = world.daemon.fault(id);
        let notes = fault["notes"].as_array().cloned().unwrap_or_default();
        let is_it = |note: &str| note.starts_with("attached to what came later: ") && note.contains("w0");
        notes.iter().any(|note| is_it(note.as_str().unwrap())).then_some(())
    });
}

/// How many come through w0: out and in.
fn through(world: &World, cgroup: &Cgroup, ns: &Netns) -> [u64; 2] {
    let (ours, theirs) = ((Some(cgroup), ns), (None, &world.there));
    let (out, back) = ((THERE2, PORT), (HERE2, PORT));
    [came(ours, out, theirs, out), came(theirs, back, ours, back)]
}

/// The filters of w0, as `tc` lists them, and what bpftool knows to be attached there.
fn filters(ns: &Netns) -> String {
    let both = ["ingress", "egress"].map(|side| ns.run("tc", &format!("filter show dev w0 {side}")));
    both.concat() + &ns.run("bpftool", "net show dev w0")
}

/// How the daemon names w0, when it has asked the kernel what is attached.
fn place(ns: &Netns) -> String {
    let listed = ns.run("ip", "-o link show w0");
    let (index, _) = listed.split_once(':').unwrap();
    format!("on interface {index} of netns {}", ns.file().metadata().unwrap().ino())
}

/// What is attached to a w0 that nobody knows.
fn nothing() -> String {
    let (here, there) = (Netns::new(), Netns::new());
    second_link(&here, &there);
    filters(&here)
}

/// The fault is at the w0 of `ns`, takes all of the victim's there and nothing of the control's, and leaves it.
fn comes_and_goes(world: &World, ns: &Netns, id: &str) {
    let nothing = nothing();
    reaches_it(world, id);
    let attached = world.daemon.json("status")["attached"].to_string();
    assert!(attached.contains(&place(ns)), "{attached}");
    assert_eq!(through(world, &world.victim, ns), [0, 0]);
    assert_eq!(through(world, &world.control, ns), [DATAGRAMS; 2], "the control lost datagrams");
    let fault = world.daemon.json(&format!("stop {id}"));
    assert_eq!(fault["clean"]["left"], json!([]), "{fault}");
    assert_eq!(world.daemon.json("status")["attached"], json!([]));
    assert_eq!(filters(ns), nothing, "something is still attached");
    assert_eq!(through(world, &world.victim, ns), [DATAGRAMS; 2], "packets are lost after the fault");
}

/// Also what stays for as long as the daemon.
fn is_as_before(ns: &Netns) {
    let qdiscs = ns.run("tc", "qdisc show dev w0");
    assert!(!qdiscs.contains("clsact"), "{qdiscs}");
}

#[test]
fn an_interface_that_comes_later_is_no_way_round() {
    if same_in_every_guest("an_interface_that_comes_later_is_no_way_round") {
        return;
    }
    let mut world = World::new();
    let _lives = process(&world, &world.here);
    let id = arm(&world);
    assert_eq!(world.came_out(&world.victim, THERE), 0);
    second_link(&world.here, &world.there);
    comes_and_goes(&world, &world.here, &id);
    world.daemon.end();
    is_as_before(&world.here);
}

#[test]
fn another_namespace_is_no_way_round() {
    if crate::support::same_as_natively("another_namespace_is_no_way_round") {
        return;
    }
    let mut world = World::new();
    let inside = Netns::new();
    second_link(&inside, &world.there);
    let _lives = process(&world, &world.here);
    let id = arm(&world);
    assert_eq!(world.came_out(&world.victim, THERE), 0);
    assert_eq!(filters(&inside), nothing(), "nobody of the target's is there yet");
    let _enters = process(&world, &inside);
    comes_and_goes(&world, &inside, &id);
    world.daemon.end();
    is_as_before(&inside);
}
