//! What is protected is refused when it is asked for, and left alone when it appears later.

use std::{thread::sleep, time::Duration};

use crate::support::{
    THERE, World,
    cgroup::Cgroup,
    child::{Child, fork},
    traffic::send_udp,
};

#[track_caller]
fn refused(world: &World, args: &str, says: &str) {
    let (code, out, err) = world.daemon.run(args);
    assert_eq!(code, 4, "injector {args}: {out}{err}");
    assert!(err.contains(says), "injector {args} says {err:?}, not {says:?}");
    let status = world.daemon.json("status");
    assert_eq!(status["faults"].as_array().map(Vec::len), Some(0), "something was armed: {status}");
}

/// A process that calls itself sshd.
fn sshd(world: &World, cgroup: &Cgroup) -> Child {
    let child = fork(Some(cgroup), &world.here, || {
        // SAFETY: a NUL-terminated name of at most 16 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"sshd".as_ptr()) };
        sleep(Duration::from_secs(60));
        String::new()
    });
    sleep(Duration::from_millis(300));
    child
}

#[test]
fn ssh_the_root_cgroup_and_protected_ports_are_refused() {
    if crate::support::same_as_natively("ssh_the_root_cgroup_and_protected_ports_are_refused") {
        return;
    }
    let world =
        World::with("mode: armed\nmax_percent: 100\nprotect: [\"port:7777\", \"address:10.99.0.0/16\"]\n");
    let target = world.target();
    refused(&world, "drop --target cgroup:/ --percent 5 --for 10s", "root cgroup");
    refused(&world, &format!("drop --target {target} --percent 5 --peer {THERE}:22"), "port 22");
    refused(&world, &format!("drop --target {target} --percent 5 --peer {THERE}:53"), "DNS");
    refused(&world, &format!("drop --target {target} --percent 5 --peer {THERE}:7777"), "limits file");
    refused(&world, &format!("drop --target {target} --percent 5 --peer 10.99.3.0/24"), "10.99.0.0/16");
    let ssh = world.victim.child("ssh.service");
    let _sshd = sshd(&world, &ssh);
    refused(&world, "drop --target unit:ssh.service --percent 100", "sshd");
    refused(&world, "drop --target unit:ssh --percent 5", "sshd");
}

#[test]
fn limits_say_what_would_be_allowed() {
    if crate::support::same_as_natively("limits_say_what_would_be_allowed") {
        return;
    }
    let world = World::with("mode: armed\nmax_percent: 10\nmax_ttl: 1m\nmax_delay: 100ms\nmax_faults: 1\n");
    let target = world.target();
    refused(&world, &format!("drop --target {target} --percent 11"), "max_percent of 10%");
    refused(&world, &format!("drop --target {target} --percent 5 --for 2m"), "max_ttl of 1m");
    refused(&world, &format!("delay --target {target} --by 90ms --jitter 20ms"), "max_delay of 100ms");
    let (code, _, err) = world.daemon.run(&format!("--json drop --target {target} --percent 11"));
    let error: serde_json::Value = serde_json::from_str(err.trim()).unwrap();
    assert_eq!(code, 4);
    assert_eq!(
        (&error["limit"], &error["asked"], &error["allowed"]),
        (&"max_percent".into(), &"11%".into(), &"10%".into())
    );
    let id = world.daemon.arm(&format!("drop --target {target} --percent 5 --for 1m"));
    let (code, _, err) = world.daemon.run(&format!("drop --target {target} --percent 5"));
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("max_faults of 1"), "{err}");
    world.daemon.json(&format!("stop {id}"));
}

#[test]
fn a_limits_file_that_is_wrong_or_open_to_others_arms_nothing() {
    if crate::support::same_as_natively("a_limits_file_that_is_wrong_or_open_to_others_arms_nothing") {
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    for (text, mode, says) in [
        ("max_percent: [", 0o600, "limits"),
        ("no_such_limit: 3\n", 0o600, "no_such_limit"),
        ("max_percent: 50\n", 0o666, "written by"),
    ] {
        let mut world = World::new();
        world.daemon.kill();
        let path = world.daemon.dir.path().join("limits.yaml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        world.daemon.restart(&world.here);
        let (code, out, err) = world.daemon.run(&format!("drop --target {} --percent 5", world.target()));
        assert_eq!(code, 4, "{text:?}: {out}{err}");
        assert!(err.contains("nothing can be armed") && err.contains(says), "{text:?}: {err}");
    }
}

/// Whatever sshd does in a cgroup that appears below an armed target is left alone from its first packet on; an
/// unknown cgroup is not faulted before it was looked at, and then is.
#[test]
fn login_sessions_that_appear_while_armed_are_not_touched() {
    if crate::support::same_as_natively("login_sessions_that_appear_while_armed_are_not_touched") {
        return;
    }
    let world = World::new();
    let id = world.daemon.arm(&format!("drop --target {} --percent 100 --for 1m", world.target()));
    let (to_session, to_child) = (world.receiver(THERE, 9001), world.receiver(THERE, 9002));
    let root = world.victim.root();
    let session = fork(None, &world.here, move || {
        // SAFETY: a NUL-terminated name of at most 16 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"sshd-session".as_ptr()) };
        // As logind does it: the session's cgroup is made when there is somebody to put into it.
        let scope = Cgroup::at(root, "session-7.scope");
        scope.enter();
        let sent = send_udp(THERE, 9001, 2000, 1);
        std::mem::forget(scope);
        format!("{sent:?}")
    });
    assert_eq!(session.join(), "(2000, 0)");
    let got = to_session.finish();
    assert_eq!(got.count(), 2000, "sshd's session was hit: {}", got.missing(2000));

    let child = world.victim.child("new");
    let sender = fork(Some(&child), &world.here, || format!("{:?}", send_udp(THERE, 9002, 2000, 1)));
    assert_eq!(sender.join(), "(2000, 0)");
    let seen = to_child.finish().seen;
    let last = seen.iter().max().copied().unwrap_or(0);
    println!(
        "n=2000 datagrams of sshd's new session: 0 faults; of a new child {} passed before it was looked at",
        seen.len()
    );
    assert_eq!(seen.len() as u64, last + u64::from(!seen.is_empty()), "faulted, and then not any more");
    assert!(last < 1900, "a new child of the target was never faulted");
    world.daemon.json(&format!("stop {id}"));
}
