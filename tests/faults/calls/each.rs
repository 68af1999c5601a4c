//! Each named call by each rung that can do it on this kernel: the target feels it, and nobody else.

use std::collections::BTreeMap;

use super::{ERROR, feels, named::within, slate::Slate};
use crate::support::{World, kernel};

/// So many faults at a time.
const AT_ONCE: usize = 11;

/// The rungs that are tried on this kernel, and how many of the named calls fail by each at least. A guest takes a second
/// for each call and rung, so each rung has one or two of them; the LSM's hooks the oldest and the newest.
fn expected(calls: usize) -> Vec<(&'static str, usize)> {
    match kernel().as_str() {
        "6.1-override" => vec![("kprobe", calls)],
        "6.1" => vec![("lsm", 50), ("cgroup", 4)],
        "6.12" => vec![("security", 50)],
        "7.2" => vec![("fmod-ret", calls), ("lsm", 50)],
        _ => vec![("cgroup", 4)],
    }
}

/// What doctor says: for each rung the calls that it can do, of these.
fn rungs(world: &World, names: &[&'static str]) -> BTreeMap<String, Vec<&'static str>> {
    let doctor = world.daemon.get("/v1/doctor?syscalls=true");
    let mut found: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for call in doctor["syscalls"].as_array().unwrap() {
        let Some(name) = names.iter().find(|name| call["name"] == **name) else { continue };
        let also = call["also"].as_array().into_iter().flatten();
        for rung in also.chain([&call["rung"]]).filter_map(|rung| rung.as_str()) {
            // The cgroup's hooks mean a whole family, which has its first call's name.
            if rung != "cgroup" || call.get("family").is_none_or(|family| family == *name) {
                found.entry(rung.to_owned()).or_default().push(name);
            }
        }
    }
    found
}

#[test]
fn each_named_call_fails_by_each_rung_and_only_for_the_target() {
    let world = World::lent();
    let names: Vec<&'static str> = within(|calls| calls.iter().map(|(name, _)| *name).collect());
    let found = rungs(&world, &names);
    let (victims, controls) = (Slate::new(), Slate::new());
    let serve = |slate: Slate| {
        move || {
            within(|calls| slate.serve(&calls.into_iter().map(|(_, call)| call).collect::<Vec<_>>()));
            String::new()
        }
    };
    let (victim, control) = (world.in_victim(serve(victims)), world.in_control(serve(controls)));
    let index = |name: &str| names.iter().position(|one| *one == name).unwrap();
    let mut wrong = Vec::new();
    for (rung, least) in expected(names.len()) {
        let calls = found.get(rung).cloned().unwrap_or_default();
        println!("n={} calls by {rung}", calls.len());
        if calls.len() < least {
            wrong.push(format!("{rung} can do {} of at least {least}", calls.len()));
        }
        for names in calls.chunks(AT_ONCE) {
            // Not by the command line: in an emulated guest each command takes a third of a second.
            let arm = |name: &&'static str| -> (&'static str, String) {
                let fault = serde_json::json!({
                    "kind": "fail", "syscall": name, "exact": rung != "cgroup", "rung": rung, "errno": ERROR.0,
                    "percent": 100, "targets": [world.target()], "for": "2m",
                });
                let armed = world.daemon.post("/v1/faults", &fault);
                (
                    *name,
                    armed["id"].as_str().unwrap_or_else(|| panic!("{name} by {rung}: {armed}")).to_owned(),
                )
            };
            let armed: Vec<(&str, String)> = names.iter().map(arm).collect();
            for (name, id) in &armed {
                let (felt, other) =
                    (feels(&world, id, || victims.ask(index(name))), controls.ask(index(name)));
                // By this fault, and by no other one.
                let fault = world.daemon.get(&format!("/v1/faults/{id}"));
                let fine =
                    felt == ERROR.1 && other != ERROR.1 && fault["counters"]["acted"].as_u64() > Some(0);
                let verdict = if fine { "ok" } else { "WRONG" };
                println!("| {name} by {rung} | victim {felt} | control {other} | {verdict} |");
                if !fine {
                    wrong.push(format!("{name} by {rung}: {fault}"));
                }
            }
            let stopped = world.daemon.stop_all();
            assert_eq!(stopped["faults"].as_array().map(Vec::len), Some(armed.len()), "{stopped}");
        }
    }
    // And when it is over it is over.
    let still: Vec<&&str> = names.iter().filter(|name| victims.ask(index(name)) == ERROR.1).collect();
    victims.end();
    controls.end();
    victim.join();
    control.join();
    assert!(wrong.is_empty() && still.is_empty(), "wrong: {wrong:?}; after the end: {still:?}");
}
