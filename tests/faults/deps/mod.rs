//! Kinds of latency, errors and drops per dependency, against what programs and the kernel say of the same.

mod drops;
mod errors;
mod latency;
mod requests;

use serde_json::Value;

use crate::support::{World, child::Child};

/// What `injector deps` says of the victim.
fn deps(world: &World) -> Value {
    world.daemon.json(&format!("deps --target {}", world.target()))
}

/// Looks until the victim is done: who is not looked at for 5 s is not observed any more. What it returned comes with what
/// was seen then.
fn watched(world: &World, victim: Child) -> (String, Value) {
    while !victim.wrote(1) {
        deps(world);
    }
    let told = victim.join();
    (told, deps(world))
}

/// The dependency of that service.
#[track_caller]
fn of<'a>(deps: &'a Value, service: &str) -> &'a Value {
    let all = deps["dependencies"].as_array().unwrap();
    all.iter().find(|dep| dep["service"] == service).unwrap_or_else(|| panic!("no {service} in {deps}"))
}

/// One kind of its latencies.
#[track_caller]
fn kind<'a>(dep: &'a Value, kind: &str) -> &'a Value {
    let all = dep["latency"].as_array().unwrap();
    all.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {dep}"))
}

/// How often something is in one of its lists of counts.
fn counted(dep: &Value, list: &str, name: &str) -> u64 {
    let all = dep[list].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).map_or(0, |one| one["count"].as_u64().unwrap())
}

/// A figure of the kernel's that lies between the least that it can be and what the program saw of it, each within the
/// histogram's 6 % and 50 us. A busy machine makes both larger.
#[track_caller]
fn assert_between(what: &str, us: &Value, least: u64, felt: u64) {
    let us = us.as_u64().unwrap_or_else(|| panic!("{what}: there is no figure")) as f64;
    println!("{what}: {us} us, at least {least}, the program's {felt}");
    assert!(us >= least as f64 * 0.94 - 50.0, "{what}: {us} us is less than {least}");
    assert!(us <= felt as f64 * 1.06 + 50.0, "{what}: {us} us is more than the program's {felt}");
}
