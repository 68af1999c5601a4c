//! A name as a peer: what the node's resolver says it is, also when that changes.

use std::{fs::OpenOptions, io::Write as _};

use crate::support::{
    THERE, World,
    came::{DATAGRAMS, PORT},
    wait_for,
};

/// Another address of the other end, as long as [`THERE`].
const ELSEWHERE: &str = "10.77.0.3";
/// Under a domain that nobody has (RFC 6761).
const NAME: &str = "db.test";

fn hosts(address: &str) -> String {
    format!("{address} {NAME}\n")
}

/// In one write to the same file: nobody who reads it meanwhile finds it empty.
fn moves_to(world: &World, address: &str) {
    let mut file = OpenOptions::new().write(true).open(world.daemon.path("hosts")).unwrap();
    file.write_all(hosts(address).as_bytes()).unwrap();
}

fn world() -> World {
    let world = World::with_hosts(&hosts(THERE));
    world.there.ip(&format!("addr add {ELSEWHERE}/24 dev v1"));
    world
}

/// How many come to one address and to the other.
fn came(world: &World) -> [u64; 2] {
    [THERE, ELSEWHERE].map(|ip| world.came_out(&world.victim, ip))
}

#[test]
fn a_fault_follows_the_name_of_its_peer() {
    if crate::support::same_as_natively("a_fault_follows_the_name_of_its_peer") {
        return;
    }
    let world = world();
    let fault = format!("drop --target {} --percent 100 --peer {NAME}:{PORT} --for 2m", world.target());
    let id = world.daemon.arm(&fault);
    assert_eq!(came(&world), [0, DATAGRAMS]);
    assert_eq!(world.came_out(&world.control, THERE), DATAGRAMS, "the control lost datagrams");
    assert_eq!(world.daemon.fault(&id)["notes"], serde_json::Value::Null);

    moves_to(&world, ELSEWHERE);
    let change = format!("{NAME} was {THERE}, is {ELSEWHERE}");
    // It is looked up every 10 s.
    wait_for(30, &change, || world.daemon.fault(&id)["notes"].to_string().contains(&change).then_some(()));
    assert_eq!(came(&world), [DATAGRAMS, 0]);
    assert_eq!(world.came_out(&world.control, ELSEWHERE), DATAGRAMS, "the control lost datagrams");
    world.daemon.json(&format!("stop {id}"));
    assert_eq!(came(&world), [DATAGRAMS; 2]);
}

#[test]
fn a_name_that_does_not_resolve_arms_nothing() {
    if crate::support::same_as_natively("a_name_that_does_not_resolve_arms_nothing") {
        return;
    }
    let world = world();
    for peers in ["--peer gone.test", &format!("--peer {NAME}:{PORT} --peer gone.test:{PORT}")] {
        let fault = format!("drop --target {} --percent 100 {peers} --for 1m --detach", world.target());
        let (code, out, err) = world.daemon.run(&fault);
        assert_eq!(code, 1, "{fault}: {out}{err}");
        assert!(err.contains("the name gone.test cannot be resolved"), "{fault}: {err}");
    }
    let status = world.daemon.json("status");
    assert_eq!(status["faults"], serde_json::json!([]), "{status}");
    assert_eq!(came(&world), [DATAGRAMS; 2]);
}
