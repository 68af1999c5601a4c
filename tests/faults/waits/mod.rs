//! How long requests to disks took and tasks waited for a CPU, against the kernel's own figures.

mod device;
mod disks;
mod run_queue;

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use crate::support::{World, wait_for};

/// What a reading says of both cgroups that was begun after now: one is given out again for a second, and the next one
/// may have been begun already.
#[track_caller]
fn read(world: &World) -> Value {
    let of = |path: &str| format!("target=cgroup:{path}");
    let ask = format!("/v1/saturation?{}&{}", of(&world.victim.path), of(&world.control.path));
    let mut seen = BTreeSet::new();
    wait_for(60, "new readings", || {
        let doc = world.daemon.get(&ask);
        seen.insert(doc["at"].to_string());
        (seen.len() > 2).then_some(doc)
    })
}

/// One kind of a cgroup; `None`: it is not observed.
fn lag<'a>(doc: &'a Value, path: &str, what: &str) -> Option<&'a Value> {
    let place = doc["places"].as_array().unwrap().iter().find(|one| one["name"] == path)?;
    place["lags"].as_array()?.iter().find(|one| one["what"] == what)
}

/// How many samples it has.
#[track_caller]
fn samples(doc: &Value, path: &str, what: &str) -> u64 {
    let lag = lag(doc, path, what).unwrap_or_else(|| panic!("no {what} of {path}: {doc}"));
    lag["samples"].as_u64().unwrap()
}

/// What was lost must be nothing, or the counts mean nothing.
#[track_caller]
fn complete(doc: &Value) {
    assert_eq!(lost(doc), 0, "{}", doc["lost"]);
}

/// How much was lost, of whatever kind.
#[track_caller]
fn lost(doc: &Value) -> u64 {
    doc["lost"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum()
}

/// The names of the programs that are attached by a link: the daemon is the only one here.
fn attached() -> Vec<String> {
    let list = |what: &str| -> Vec<Value> {
        let out = Command::new("bpftool").args(["-j", what, "list"]).output().expect("bpftool");
        serde_json::from_slice(&out.stdout).expect("a list in JSON")
    };
    let links = list("link");
    let linked = |program: &&Value| links.iter().any(|link| link["prog_id"] == program["id"]);
    let name = |program: &Value| Some(program["name"].as_str()?.to_owned());
    list("prog").iter().filter(linked).filter_map(name).collect()
}
