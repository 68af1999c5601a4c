//! What somebody else removes or changes ends the fault, and is told.

use std::{
    fs,
    io::Error,
    os::fd::{FromRawFd as _, OwnedFd},
};

use nix::sys::signal::Signal;

use crate::support::{THERE, World, same_in_every_guest, traffic::send_udp, wait_for};

/// bpf(2) with the first words of its attributes.
fn bpf(command: libc::c_int, attributes: [u32; 4]) -> libc::c_long {
    // SAFETY: a valid pointer with its length; the kernel takes missing attributes for zeros.
    unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(&attributes)) }
}

/// Detaches a link by its id, as `bpftool link detach` does (include/uapi/linux/bpf.h).
fn detach(id: u32) {
    const LINK_GET_FD_BY_ID: libc::c_int = 30;
    const LINK_DETACH: libc::c_int = 34;
    let fd = bpf(LINK_GET_FD_BY_ID, [id, 0, 0, 0]);
    assert!(fd >= 0, "link {id}: {}", Error::last_os_error());
    let fd = i32::try_from(fd).unwrap();
    // SAFETY: the kernel has just given us this descriptor.
    let _owned = unsafe { OwnedFd::from_raw_fd(fd) };
    let result = bpf(LINK_DETACH, [u32::try_from(fd).unwrap(), 0, 0, 0]);
    assert_eq!(result, 0, "detaching link {id}: {}", Error::last_os_error());
}

/// The links of one type that a process holds, by the id of their program.
fn links(pid: u32, kind: &str) -> Vec<(u32, u32)> {
    let texts = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap().flatten();
    let texts = texts.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts
        .filter_map(|text| {
            let field = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
            };
            (field("link_type")? == kind)
                .then_some((field("link_id")?.parse().ok()?, field("prog_id")?.parse().ok()?))
        })
        .collect()
}

fn program_named(name: &str) -> Vec<u32> {
    aya::programs::loaded_programs()
        .filter_map(Result::ok)
        .filter(|program| program.name_as_str() == Some(name))
        .map(|program| program.id())
        .collect()
}

fn drifted(world: &World, id: &str, says: &str) {
    let fault = world.daemon.ended(id, 10);
    println!("n=1 drift: {}", fault["end_reason"]);
    assert_eq!(fault["end"], "drift", "{fault}");
    assert!(fault["end_reason"].as_str().unwrap().contains(says), "{fault}");
}

fn passes(world: &World) -> bool {
    let to = world.receiver(THERE, 9001);
    world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, 100, 2))).join();
    to.finish().count() == 100
}

#[test]
fn what_somebody_else_removes_ends_the_fault() {
    if same_in_every_guest("what_somebody_else_removes_ends_the_fault") {
        return;
    }
    let world = World::new();
    let target = world.target();
    let id = world.daemon.arm(&format!("drop --target {target} --percent 100 --for 1m"));
    let other =
        world.daemon.arm(&format!("drop --target {target} --percent 100 --direction ingress --for 2m"));
    assert!(!passes(&world));
    match links(world.daemon.pid(), "tcx").as_slice() {
        // Before tcx (6.6) it is a filter.
        [] => _ = world.here.run("tc", "filter del dev v0 egress"),
        tcx => tcx.iter().for_each(|(link, _)| detach(*link)),
    }
    drifted(&world, &id, "removed or changed by somebody else");
    assert!(passes(&world));
    assert_eq!(world.daemon.fault(&other)["state"], "armed", "nobody has touched that one");

    let ours = program_named("inj_drop_in");
    let ingress: Vec<_> = links(world.daemon.pid(), "cgroup");
    let ingress: Vec<_> = ingress.into_iter().filter(|(_, program)| ours.contains(program)).collect();
    assert_eq!(ingress.len(), 1, "{ingress:?} of {ours:?}");
    detach(ingress[0].0);
    drifted(&world, &other, "removed or changed by somebody else");
    // And it can be armed again.
    let id = world.daemon.arm(&format!("drop --target {target} --percent 100 --for 1m"));
    assert!(!passes(&world));
    world.daemon.json(&format!("stop {id}"));
}

#[test]
fn a_limits_file_that_changes_ends_the_fault() {
    if crate::support::same_as_natively("a_limits_file_that_changes_ends_the_fault") {
        return;
    }
    let world = World::new();
    let (path, ask) =
        (world.daemon.path("limits.yaml"), format!("drop --target {} --percent 50 --for 1m", world.target()));
    let id = world.daemon.arm(&ask);
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{good}max_delay: 1s\n")).unwrap();
    drifted(&world, &id, "not the one that was loaded");
    let refused = |says: &str| {
        let (code, out, err) = world.daemon.run(&format!("{ask} --detach"));
        assert_eq!(code, 4, "{out}{err}");
        assert!(err.contains("nothing can be armed") && err.contains(says), "{err}");
    };
    refused("not the one that was loaded");
    assert_eq!(world.daemon.json("limits reload")["limits"]["max_delay"], "1s");
    let id = world.daemon.arm(&ask);
    world.daemon.json(&format!("stop {id}"));

    // A bad file: by command and by signal the old limits stay, and nothing is armed.
    fs::write(&path, "mode: armed\nmax_persent: 3\n").unwrap();
    let (code, out, err) = world.daemon.run("limits reload");
    assert!(code != 0 && err.contains("max_persent"), "{code}: {out}{err}");
    refused("max_persent");
    let shown = world.daemon.json("limits show");
    assert_eq!((&shown["mode"], &shown["limits"]["max_delay"]), (&"armed".into(), &"1s".into()), "{shown}");
    assert!(shown["wrong"].as_str().unwrap().contains("max_persent"), "{shown}");
    let hang_up = |text: &str, wrong: bool| {
        fs::write(&path, text).unwrap();
        world.daemon.signal(Signal::SIGHUP);
        wait_for(10, "SIGHUP is heard", || {
            let shown = world.daemon.json("limits show");
            (shown["wrong"].is_null() != wrong).then_some(shown)
        })
    };
    hang_up(&good, false);
    let id = world.daemon.arm(&ask);
    hang_up("mode: [\n", true);
    refused("");
    // What was armed under good limits goes on under them.
    assert_eq!(world.daemon.fault(&id)["state"], "armed");
    hang_up(&good, false);
    world.daemon.json(&format!("stop {id}"));
    world.daemon.arm(&ask);
}
