//! Others at the same hook, and devices on top of one another: a packet is asked about once, whoever else looks at it
//! and however often it passes an interface.

use std::{thread::sleep, time::Duration};

use aya::programs::{LinkOrder, TcAttachType, tc::TcAttachOptions};
use injector::kernel::object::Object;
use injector_ebpf::names::EMPTY_TC;

use crate::support::{
    HERE, THERE, World, able, assert_binomial,
    child::{Child, fork},
    lacks, same_in_every_guest, skip,
    traffic::{Flag, median, ping_pong, send_udp, tcp_echo},
    wait_for,
};

/// Inside of a tunnel, and on top of a VLAN.
const INNER_THERE: &str = "10.78.0.2";

/// 20 % of what the victim sends to `ip` are lost, each having been counted and drawn once.
fn is_drawn_once(world: &World, what: &str, ip: &'static str, matching: &str, arrange: impl FnOnce()) {
    const N: u64 = 5_000;
    let to = world.receiver(ip, 9001);
    let fault = format!("drop --target {} --percent 20 {matching} --for 2m", world.target());
    let id = world.daemon.arm(&fault);
    arrange();
    let sender = world.in_victim(move || format!("{:?}", send_udp(ip, 9001, N, 4)));
    assert_eq!(sender.join(), format!("{:?}", (N, 0)));
    let got = to.finish();
    let ended = world.daemon.json(&format!("stop {id}"));
    let counter = |name: &str| ended["counters"][name].as_u64().unwrap();
    assert_eq!(got.no_room, 0);
    assert_eq!(counter("matched"), N, "{what}: {ended}");
    assert_eq!(N - got.count(), counter("acted"), "{what}: what was lost is not what was selected");
    assert_binomial(what, N - got.count(), N, 0.2);
}

/// A program that lets everything pass, on egress of v0, of another process; with it, it goes.
pub fn neighbour(world: &World, order: fn() -> LinkOrder) -> Child {
    let there = Flag::new();
    let child = fork(None, &world.here, || {
        let mut object = Object::load(0).unwrap();
        object.load_program(EMPTY_TC).unwrap();
        let program = object.classifier(EMPTY_TC).unwrap();
        let options = TcAttachOptions::TcxOrder(order());
        program.attach_with_options("v0", TcAttachType::Egress, options).unwrap();
        there.set();
        sleep(Duration::from_secs(60));
        String::new()
    });
    wait_for(30, "the neighbour's program", || there.is_set().then_some(()));
    child
}

/// Are programs attached by tcx here?
pub fn has_tcx(world: &World) -> bool {
    world.daemon.get("/v1/doctor")["probes"][0]["how"] == "tcx link"
}

#[test]
fn other_tcx_programs_in_front_and_behind() {
    let test = "other_tcx_programs_in_front_and_behind";
    let world = World::new();
    if !has_tcx(&world) {
        _ = skip(test, "this kernel has no tcx");
        return;
    }
    is_drawn_once(&world, "alone", THERE, "", || ());
    let _last = neighbour(&world, LinkOrder::last);
    let mut first = None;
    is_drawn_once(&world, "between two others", THERE, "", || {
        first = Some(neighbour(&world, LinkOrder::first));
    });
    // The first is still there when we come: we are in front of it now.
    is_drawn_once(&world, "in front of two others", THERE, "", || ());
}

/// What a filter returns for the next one to be asked, and for none to be asked after it.
pub const TC_ACT_UNSPEC: i32 = -1;
pub const TC_ACT_OK: i32 = 0;

/// A filter of somebody else on v0 that always returns `action`; `place` is as in `egress prio 7`.
pub fn filter(world: &World, place: &str, action: i32) {
    let bytecode = format!("1,6 0 0 {},", action as u32);
    let filter = format!("filter add dev v0 {place} protocol all bpf bytecode");
    let status =
        world.here.command("tc").args(filter.split(' ')).args([&bytecode, "direct-action"]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_filter_that_ends_the_chain_behind_ours() {
    if same_in_every_guest("a_filter_that_ends_the_chain_behind_ours") {
        return;
    }
    let world = World::new();
    world.here.run("tc", "qdisc add dev v0 clsact");
    filter(&world, "egress prio 49152", TC_ACT_OK);
    is_drawn_once(&world, "in front of a filter that ends the chain", THERE, "", || ());
    if able(&world.daemon, "delay").is_err() {
        return;
    }
    assert!(is_delayed(&world), "there is no delay in front of a filter that ends the chain");
    assert_eq!(warnings(&world, "delay --by 40ms"), 0);
}

/// It is another's decision, and he was there first: nobody is overruled, but the plan says so.
#[test]
fn a_filter_that_ends_the_chain_in_front_of_ours() {
    let test = "a_filter_that_ends_the_chain_in_front_of_ours";
    if crate::support::same_as_on_6_1(test) {
        return;
    }
    let world = World::new();
    world.here.run("tc", "qdisc add dev v0 clsact");
    filter(&world, "egress prio 1", TC_ACT_OK);
    if has_tcx(&world) {
        // Programs of tcx are asked before any filter.
        is_drawn_once(&world, "in front of any filter", THERE, "", || ());
        assert_eq!(warnings(&world, "drop --percent 1"), 0);
    } else {
        assert_eq!(warnings(&world, "drop --percent 1"), 1);
    }
    if !lacks(test, &world.daemon, "delay") {
        assert_eq!(warnings(&world, "delay --by 40ms"), 1);
        assert!(!is_delayed(&world), "a filter in front of ours does not end the chain");
    }
}

/// How many of the plan's warnings are about a filter of others.
fn warnings(world: &World, fault: &str) -> usize {
    let plan = world.daemon.json(&format!("plan {fault} --target {} --for 1m", world.target()));
    let all = plan["warnings"].as_array().unwrap();
    all.iter().filter(|warning| warning.as_str().unwrap().contains("may decide before our filters")).count()
}

/// Does a round trip take the 40 ms that it should?
fn is_delayed(world: &World) -> bool {
    let _server = world.over_there(|| tcp_echo(THERE, 9002));
    let id = world.daemon.arm(&format!("delay --target {} --by 40ms --for 1m", world.target()));
    let times = world.in_victim(|| median(ping_pong(THERE, 9002, 20)).to_string()).join();
    world.daemon.json(&format!("stop {id}"));
    times.parse::<u64>().unwrap() >= 40_000
}

/// Adds a device on v0 and one on v1, with addresses; the kernel may not know such devices.
fn stacked(world: &World, test: &str, here: &str, there: &str) -> bool {
    for (ns, link, address) in [(&world.here, here, "10.78.0.1"), (&world.there, there, INNER_THERE)] {
        let added = ns.command("ip").args(["link", "add"]).args(link.split(' ')).output().unwrap();
        if !added.status.success() {
            let why = String::from_utf8_lossy(&added.stderr).trim().replace('\n', " ");
            return !skip(test, &format!("ip link add {link}: {why}"));
        }
        ns.ip(&format!("addr add {address}/24 dev stack0"));
        ns.ip("link set stack0 up");
    }
    true
}

#[test]
fn through_a_vlan() {
    let test = "through_a_vlan";
    if same_in_every_guest(test) {
        return;
    }
    let world = World::new();
    let vlan = |link: &str| format!("link {link} name stack0 type vlan id 5");
    if !stacked(&world, test, &vlan("v0"), &vlan("v1")) {
        return;
    }
    is_drawn_once(&world, "through a VLAN", INNER_THERE, "", || ());
    is_drawn_once(&world, "through a VLAN, on v0 only", INNER_THERE, "--interface v0", || ());
    if able(&world.daemon, "delay").is_err() {
        return;
    }
    // What comes in passes v0 and then the VLAN: it waits once.
    let _server = world.over_there(|| tcp_echo(INNER_THERE, 9002));
    world.daemon.arm(&format!("delay --target {} --by 150ms --direction ingress --for 1m", world.target()));
    let times = world.in_victim(|| median(ping_pong(INNER_THERE, 9002, 10)).to_string()).join();
    let time: u64 = times.parse().unwrap();
    println!("n=10 round trips through a VLAN with 150 ms at ingress: {time} us");
    assert!((150_000..290_000).contains(&time), "a round trip took {time} us");
}

#[test]
fn through_a_tunnel() {
    let test = "through_a_tunnel";
    if same_in_every_guest(test) {
        return;
    }
    let world = World::new();
    let tunnel = |local: &str, remote: &str, link: &str| {
        format!("stack0 type vxlan id 42 local {local} remote {remote} dstport 4789 dev {link}")
    };
    if !stacked(&world, test, &tunnel(HERE, THERE, "v0"), &tunnel(THERE, HERE, "v1")) {
        return;
    }
    is_drawn_once(&world, "through a tunnel", INNER_THERE, "", || ());
    is_drawn_once(&world, "inside of a tunnel", INNER_THERE, "--peer 10.78.0.2:9001", || ());
    is_drawn_once(&world, "around a tunnel", INNER_THERE, "--peer 10.77.0.2:4789", || ());
    // The tunnel's packets still have the socket whose data they carry, and are none of its own.
    let _server = world.over_there(|| tcp_echo(INNER_THERE, 9002));
    let inner = format!("drop --percent 100 --protocol udp --peer {INNER_THERE} --target {}", world.target());
    let id = world.daemon.arm(&format!("{inner} --for 1m"));
    world.in_victim(|| ping_pong(INNER_THERE, 9002, 10).len().to_string()).join();
    assert_eq!(world.daemon.counter(&id, "matched"), 0, "TCP in a tunnel of UDP is no UDP to its peer");
}
