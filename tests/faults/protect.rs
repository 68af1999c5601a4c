//! What is protected is refused when it is asked for, and not touched by the kernel when a rule means it all
//! the same.

use std::{collections::BTreeMap, thread::sleep, time::Duration};

use injector::{
    kernel::{Kernel as _, probe, real::Real},
    limits::Protection,
    plan::{Site, Step},
    target::Host,
};
use injector_ebpf::rule::{ALWAYS, CG_PROTECTED, CgroupEntry, HOOK_DROP_EGRESS, HOOK_DROP_INGRESS, Rule};

use crate::support::{
    THERE, World,
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
fn sshd(world: &World, cgroup: &crate::support::cgroup::Cgroup) -> Child {
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
    if crate::support::same_as_on_6_1("limits_say_what_would_be_allowed") {
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
    if crate::support::same_as_on_6_1("a_limits_file_that_is_wrong_or_open_to_others_arms_nothing") {
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

/// The gate in the kernel, with the plan's checks left out: a rule that means everything the victim sends, at
/// 100 %, touches neither ssh nor DNS nor what comes from a protected cgroup.
#[test]
fn a_forced_rule_touches_nothing_that_is_protected() {
    if crate::support::same_as_on_6_1("a_forced_rule_touches_nothing_that_is_protected") {
        return;
    }
    let world = World::new();
    let host = Host::detect(std::path::Path::new("/")).unwrap();
    let mut kernel = Real::new(0x7e57, probe::capabilities(), host.cgroup).unwrap();
    let holder = world.in_victim(|| {
        sleep(Duration::from_secs(60));
        String::new()
    });
    let sites: Vec<Site> = kernel.sites(&[holder.pid()]).unwrap();
    for site in &sites {
        for (index, link) in &site.links {
            kernel.apply(&Step::DropEgress { netns: site.netns, index: *index, link: link.clone() }).unwrap();
        }
    }
    kernel.apply(&Step::DropIngress { cgroup: world.victim.path.clone() }).unwrap();
    let mut protection = Protection::default();
    protection.ports.insert(22, "ssh".into());
    protection.ports.insert(53, "DNS".into());
    protection.addresses.insert("10.77.0.3/32".parse().unwrap(), "a gateway".into());
    kernel.protect(&protection).unwrap();
    let rule = Rule { hook: HOOK_DROP_EGRESS | HOOK_DROP_INGRESS, threshold: ALWAYS, ..Rule::FREE };
    kernel.lease(Duration::from_secs(60)).unwrap();
    kernel.deadline(0, Duration::from_secs(60)).unwrap();
    kernel.set_rule(0, &rule).unwrap();
    let entry = |flags| BTreeMap::from([(world.victim.id(), CgroupEntry { rules: 1, flags })]);
    kernel.set_cgroups(&entry(0)).unwrap();
    kernel.set_halt(false).unwrap();
    world.there.ip("addr add 10.77.0.3/24 dev v1");

    let passed = |ip: &'static str, port: u16| {
        let to = world.receiver(ip, port);
        world.in_victim(move || format!("{:?}", send_udp(ip, port, 100, 2))).join();
        to.finish().count()
    };
    assert_eq!(passed(THERE, 22), 100, "packets to port 22 were lost");
    assert_eq!(passed(THERE, 53), 100, "packets to port 53 were lost");
    assert_eq!(passed("10.77.0.3", 9001), 100, "packets to a protected address were lost");
    let stats = kernel.stats(0).unwrap();
    assert_eq!((stats.acted, stats.passed_protected), (0, 300), "{stats:?}");
    assert_eq!(passed(THERE, 9001), 0, "the rule does not act at all: this test would prove nothing");
    kernel.set_cgroups(&entry(CG_PROTECTED)).unwrap();
    assert_eq!(passed(THERE, 9001), 100, "a protected cgroup was hit");
}
