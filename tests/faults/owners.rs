//! Whose flows they are, and with whom: names beside paths and addresses.

use std::{thread::sleep, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    THERE, World,
    cgroup::Cgroup,
    child, same_as_natively,
    traffic::{connect, ping_pong_on, tcp_echo},
    wait_for,
};

/// Under a domain that nobody has (RFC 6761).
const NAME: &str = "db.test";

fn owner(doc: &Value, of: &Cgroup) -> Value {
    let owners = doc["owners"].as_array();
    owners
        .into_iter()
        .flatten()
        .find(|owner| owner["cgroup"] == of.path.as_str())
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_flow_is_told_by_unit_program_and_the_peers_name() {
    if same_as_natively("a_flow_is_told_by_unit_program_and_the_peers_name") {
        return;
    }
    let world = World::naming_peers(&format!("{THERE} {NAME}\n"), NAME);
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    // A unit is one in slices only: elsewhere whoever may make cgroups can give them any name.
    let slice = Cgroup::new(&format!("inj-test-{}.slice", std::process::id()));
    let unit = slice.child("web.service");
    let target = format!("cgroup:{}", slice.path);
    let flows = format!("flows --target {target}");
    world.daemon.json(&flows);
    let client = child::fork(Some(&unit), &world.here, || {
        // SAFETY: the name is this process's own, and the text ends with a zero.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"db-client".as_ptr()) };
        let mut stream = connect(THERE, 9001);
        ping_pong_on(&mut stream, 50);
        sleep(Duration::from_secs(60));
        String::new()
    });
    let doc = wait_for(30, "a flow, its owner and its peer's name", || {
        let doc = world.daemon.json(&flows);
        let named = doc["dependencies"][0]["names"][0] == NAME;
        // Names of programs are read once a second, and it had another one before it gave itself this.
        let program = owner(&doc, &unit)["programs"] == json!([{"name": "db-client", "processes": 1}]);
        (named && program && doc["flows"][0]["cgroup"] == unit.path.as_str()).then_some(doc)
    });
    assert_eq!(owner(&doc, &unit)["unit"], "web.service", "{doc}");
    assert!(
        doc["owners"].as_array().unwrap().iter().any(|owner| owner["cgroup"] == slice.path.as_str()),
        "it is watched: {doc}"
    );

    let peer = format!("--peer {THERE}:9001");
    for verb in ["flows", "deps"] {
        let (code, text, complaints) = world.daemon.run(&format!("{verb} --target {target} {peer}"));
        assert_eq!(code, 0, "{complaints}");
        let said = |words: &str| text.lines().any(|line| line.contains(words));
        assert!(said(&format!("{THERE}:9001 {NAME}")), "{verb}: {text}");
        assert!(said("db-client") && said("unit web.service"), "{verb}: {text}");
        assert!(!text.contains(&format!("{}  ", slice.path)), "no row is of it: {verb}: {text}");
    }
    drop(client);
}
