//! The target's own NAT: its programs ask for one address, and their packets carry another.

use crate::support::{
    THERE, World,
    came::{DATAGRAMS, End, PORT, came},
    cgroup::Cgroup,
    dnat::dnat,
    same_in_every_guest, skip,
};

/// What programs connect to; nobody has it.
const ASKED: End = ("10.99.0.1", 5432);
/// Where their packets go.
const WIRE: End = (THERE, PORT);

/// None if this kernel cannot do it.
fn world(test: &str) -> Option<World> {
    let world = World::new();
    world.here.ip(&format!("route add 10.99.0.0/24 via {THERE}"));
    match dnat(&world.here, ASKED, WIRE) {
        Err(error) if is_missing(&error) => {
            _ = skip(test, &format!("this kernel has no nf_tables with NAT: {error}"));
            return None;
        }
        made => made.unwrap(),
    }
    assert_eq!(rewritten(&world, &world.victim), DATAGRAMS, "nothing is rewritten");
    Some(world)
}

/// Is nf_tables missing, or its NAT, and not wrong what was asked of it?
fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EOPNOTSUPP | libc::EPROTONOSUPPORT))
}

/// Of those that a cgroup sends to the address that is rewritten, how many came.
fn rewritten(world: &World, cgroup: &Cgroup) -> u64 {
    came((Some(cgroup), &world.here), ASKED, (None, &world.there), WIRE)
}

fn arm(world: &World, (ip, port): End) -> String {
    let peer = format!("--peer {ip}:{port}");
    world.daemon.arm(&format!("drop --target {} --percent 100 {peer} --for 1m", world.target()))
}

#[test]
fn a_peer_by_the_address_on_the_wire() {
    let test = "a_peer_by_the_address_on_the_wire";
    if same_in_every_guest(test) {
        return;
    }
    let Some(world) = world(test) else { return };
    let id = arm(&world, WIRE);
    assert_eq!(rewritten(&world, &world.victim), 0);
    assert_eq!(world.daemon.counter(&id, "acted"), DATAGRAMS);
    assert_eq!(rewritten(&world, &world.control), DATAGRAMS, "the control lost datagrams");
    world.daemon.json(&format!("stop {id}"));
    assert_eq!(rewritten(&world, &world.victim), DATAGRAMS);
}

#[test]
fn a_peer_by_the_address_that_programs_ask_for() {
    let test = "a_peer_by_the_address_that_programs_ask_for";
    if same_in_every_guest(test) {
        return;
    }
    let Some(world) = world(test) else { return };
    let id = arm(&world, ASKED);
    assert_eq!(rewritten(&world, &world.victim), 0);
    assert_eq!(world.daemon.counter(&id, "acted"), DATAGRAMS);
    assert_eq!(rewritten(&world, &world.control), DATAGRAMS, "the control lost datagrams");
    // Whoever asked for the other address himself does not mean this peer.
    assert_eq!(world.came_out(&world.victim, THERE), DATAGRAMS, "others at the same address are lost");
    world.daemon.json(&format!("stop {id}"));
    assert_eq!(rewritten(&world, &world.victim), DATAGRAMS);
}
