//! Nothing is attached to a call that is not meant, and nothing is left: by the kernel's own lists.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use super::{ERROR, has_kprobe};
use crate::support::{World, able, lacks, wait_for};

/// What the names of the programs that observe begin with.
const OBSERVING: [&str; 7] =
    ["inj_obs_", "inj_dep_", "inj_tcp_", "inj_iter_", "inj_io_", "inj_room", "inj_released"];
/// And the functions that they stand on.
const OBSERVED: [&str; 3] = ["inet_csk_accept", "sock_kmalloc", "sk_filter_charge"];

/// The functions on which programs or probes stand, but for those that observe.
fn functions() -> BTreeSet<String> {
    let list = std::fs::read_to_string("/sys/kernel/tracing/enabled_functions").unwrap();
    // What is indented says more of the line before.
    let lines = list.lines().filter(|line| !line.starts_with(char::is_whitespace));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| !OBSERVED.contains(name)).map(str::to_owned).collect()
}

/// All links, by id, with the names of their programs, but for those that observe: they stand wherever a fault acts.
fn links() -> BTreeMap<u64, String> {
    let list = |what| -> Vec<Value> {
        let out = Command::new("bpftool").args(["-j", what, "list"]).output().expect("bpftool");
        serde_json::from_slice(&out.stdout).expect("a list in JSON")
    };
    let links = list("link");
    let programs: BTreeMap<u64, String> = list("prog")
        .iter()
        .map(|program| (program["id"].as_u64().unwrap(), program["name"].as_str().unwrap_or("").to_owned()))
        .collect();
    let observes = |name: &String| OBSERVING.iter().any(|start| name.starts_with(start));
    let of = |link: &Value| {
        // One that ended between the two lists has no program any more.
        let name = programs.get(&link["prog_id"].as_u64()?)?;
        Some((link["id"].as_u64()?, name.clone())).filter(|(_, name)| !observes(name))
    };
    links.iter().filter_map(of).collect()
}

#[test]
fn only_what_is_meant_is_attached_and_nothing_is_left() {
    let test = "only_what_is_meant_is_attached_and_nothing_is_left";
    let world = World::new();
    if lacks(test, &world.daemon, "fail calls that have a hook") {
        return;
    }
    let any = able(&world.daemon, "fail any call").is_ok();
    let compat = able(&world.daemon, "count calls of 32-bit programs").is_ok();
    // Links only: two tracepoints of processes, the tracepoint of io_uring.
    let (call, mut expected, links_without_functions) = match any {
        true => ("fsync", vec!["__x64_sys_fsync", "__x64_sys_fdatasync", "__x64_sys_close"], 3),
        false => ("flock", vec!["bpf_lsm_file_lock", "__x64_sys_close"], 2),
    };
    if any && compat {
        expected.extend(["__ia32_sys_fsync", "__ia32_sys_fdatasync"]);
    }
    let before = (functions(), links());
    let fault = format!("fail {call} --errno {} --percent 100 --target {}", ERROR.0, world.target());
    let id = world.daemon.arm(&format!("{fault} --for 2m"));
    let (now, linked) = (functions(), links());
    let new: Vec<&String> = now.difference(&before.0).collect();
    let more: Vec<&String> =
        linked.iter().filter(|(id, _)| !before.1.contains_key(id)).map(|(_, name)| name).collect();
    println!("fail {call} (kprobe: {}): links of {more:?}, on {new:?}", has_kprobe(&world));
    assert_eq!(
        new.iter().map(|name| name.as_str()).collect::<BTreeSet<_>>(),
        expected.iter().copied().collect()
    );
    assert_eq!(more.len(), expected.len() + links_without_functions, "links");
    world.daemon.json(&format!("stop {id}"));
    // The kernel may let go of what nobody holds a moment later.
    wait_for(10, "functions and links as before", || ((functions(), links()) == before).then_some(()));
}
