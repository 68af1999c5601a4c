//! Nothing is attached to a call that is not meant, and nothing is left: by the kernel's own lists.

use std::collections::BTreeSet;

use super::{ERROR, has_kprobe};
use crate::support::{World, able, lacks, wait_for};

/// The functions on which programs or probes stand.
fn functions() -> BTreeSet<String> {
    let list = std::fs::read_to_string("/sys/kernel/tracing/enabled_functions").unwrap();
    // What is indented says more of the line before.
    let lines = list.lines().filter(|line| !line.starts_with(char::is_whitespace));
    lines.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

/// The ids of all links of programs.
fn links() -> BTreeSet<u32> {
    const BPF_LINK_GET_NEXT_ID: libc::c_int = 31;
    let mut all = BTreeSet::new();
    // The parts of `union bpf_attr`: the id to begin behind, the next one, flags.
    let mut ids = [0_u32; 3];
    // SAFETY: the kernel reads and writes `ids` within its size.
    while unsafe { libc::syscall(libc::SYS_bpf, BPF_LINK_GET_NEXT_ID, &raw mut ids, size_of_val(&ids)) } == 0
    {
        all.insert(ids[1]);
        ids[0] = ids[1];
    }
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOENT), "the list of links");
    all
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
    // Links only: two tracepoints of processes, two programs that observe the cgroup, the tracepoint of io_uring.
    let (call, mut expected, links_without_functions) = match any {
        true => ("fsync", vec!["__x64_sys_fsync", "__x64_sys_fdatasync", "__x64_sys_close"], 5),
        false => ("flock", vec!["bpf_lsm_file_lock", "__x64_sys_close"], 4),
    };
    if any && compat {
        expected.extend(["__ia32_sys_fsync", "__ia32_sys_fdatasync"]);
    }
    let before = (functions(), links());
    let fault = format!("fail {call} --errno {} --percent 100 --target {}", ERROR.0, world.target());
    let id = world.daemon.arm(&format!("{fault} --for 2m"));
    let (now, linked) = (functions(), links());
    let new: Vec<&String> = now.difference(&before.0).collect();
    let more = linked.difference(&before.1).count();
    println!("fail {call} (kprobe: {}): {more} links, on {new:?}", has_kprobe(&world));
    assert_eq!(
        new.iter().map(|name| name.as_str()).collect::<BTreeSet<_>>(),
        expected.iter().copied().collect()
    );
    assert_eq!(more, expected.len() + links_without_functions, "links");
    world.daemon.json(&format!("stop {id}"));
    // The kernel may let go of what nobody holds a moment later.
    wait_for(10, "functions and links as before", || ((functions(), links()) == before).then_some(()));
}
