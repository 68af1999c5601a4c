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
    rewriting(test, World::new())
}

fn rewriting(test: &str, world: World) -> Option<World> {
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
    arm_for(world, &format!("--peer {ip}:{port}"))
}

fn arm_for(world: &World, whom: &str) -> String {
    world.daemon.arm(&format!("drop --target {} --percent 100 {whom} --for 1m", world.target()))
}

#[test]
fn a_peer_by_the_address_on_the_wire() {
    let test = "a_peer_by_the_address_on_the_wire";
    if crate::support::same_as_natively(test) {
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
    if crate::support::same_as_natively(test) {
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

#[test]
fn either_end_is_named_by_its_port_and_left_out() {
    let test = "either_end_is_named_by_its_port_and_left_out";
    if same_in_every_guest(test) {
        return;
    }
    let Some(world) = world(test) else { return };
    let cases = [
        ("--peer :5432", 0),
        ("--peer :9001", 0),
        ("--peer :5433", DATAGRAMS),
        ("--peer 10.99.0.1:9001", DATAGRAMS),
        ("--except 10.99.0.1", DATAGRAMS),
        ("--except 10.77.0.2", DATAGRAMS),
        ("--except :5432", DATAGRAMS),
        ("--except :9001", DATAGRAMS),
        ("--except :5433", 0),
    ];
    for (whom, came) in cases {
        let id = arm_for(&world, whom);
        assert_eq!(rewritten(&world, &world.victim), came, "{whom}");
        world.daemon.json(&format!("stop {id}"));
    }
}

#[test]
fn whom_a_program_asks_for_is_protected_behind_nat() {
    let test = "whom_a_program_asks_for_is_protected_behind_nat";
    if crate::support::same_as_natively(test) {
        return;
    }
    for (protect, came) in [("port:5432", DATAGRAMS), ("address:10.99.0.1", DATAGRAMS), ("port:5433", 0)] {
        let limits =
            format!("mode: armed\nmax_percent: 100\nmax_faults_per_hour: 1000\nprotect: [\"{protect}\"]\n");
        let Some(world) = rewriting(test, World::with(&limits)) else { return };
        let id = arm_for(&world, "");
        assert_eq!(rewritten(&world, &world.victim), came, "{protect}");
        assert_eq!(world.daemon.counter(&id, "passed_protected"), came, "{protect}");
        assert_eq!(world.came_out(&world.victim, THERE), 0, "{protect}: whoever asks for the other address");
    }
}
