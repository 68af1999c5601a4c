//! What is protected on a host.

use super::*;
use std::collections::BTreeMap;

fn gather(host: &TestHost, list: &[&str]) -> Protection {
    let list: Vec<_> = list.iter().map(|entry| entry.parse().unwrap()).collect();
    Protection::gather(&host.host, DAEMON, &list).unwrap()
}

fn keys<K: Clone, V>(map: &BTreeMap<K, V>) -> Vec<K> {
    map.keys().cloned().collect()
}

#[test]
fn what_always_is() {
    let protection = gather(&host(), &[]);
    assert_eq!(
        keys(&protection.cgroups),
        [
            "/",
            "/init.scope",
            "/system.slice/injector.service",
            "/system.slice/ssh.service",
            "/user.slice/user-0.slice/session-3.scope"
        ]
    );
    assert_eq!(keys(&protection.tgids), [1, 40, 41, DAEMON]);
    assert_eq!(protection.tgids[&41], "it is sshd");
    assert_eq!(keys(&protection.ports), [22, 53, 67, 68, 546, 547]);
    let addresses: Vec<String> = protection.addresses.keys().map(ToString::to_string).collect();
    assert_eq!(addresses, ["192.0.2.1/32", "fe80::1/128"]);
}

#[test]
fn below_is_protected_and_beside_is_not() {
    let protection = gather(&host(), &[]);
    let why = |path: &str| protection.why_protected(path);
    assert_eq!(why("/").as_deref(), Some("it is the root cgroup"));
    assert_eq!(why("").as_deref(), Some("it is the root cgroup"));
    assert_eq!(
        why("/system.slice/ssh.service/child").as_deref(),
        Some("it is below /system.slice/ssh.service, which is protected: sshd (pid 40) is in it")
    );
    assert!(why("/system.slice/injector.service/run").is_some());
    assert_eq!(why("/system.slice"), None);
    assert_eq!(why("/system.slice/ssh.service2"), None);
    assert_eq!(why("/system.slice/nginx.service"), None);
}

#[test]
fn processes_in_the_root_protect_only_the_root() {
    let host = TestHost::new();
    host.process(40, "sshd", "/");
    host.process(DAEMON, "injector", "/");
    host.cgroup("/app");
    let protection = gather(&host, &[]);
    assert_eq!(keys(&protection.cgroups), ["/", "/init.scope"]);
    assert_eq!(protection.why_protected("/app"), None);
    assert_eq!(keys(&protection.tgids), [1, 40, DAEMON]);
}

#[test]
fn sshd_is_known_by_its_program_too() {
    let host = TestHost::new();
    host.process(40, "renamed", "/a");
    let exe = host.host.proc.join("40/exe");
    std::fs::remove_file(&exe).unwrap();
    std::os::unix::fs::symlink("/usr/sbin/sshd (deleted)", exe).unwrap();
    host.process(41, "sshdx", "/b");
    host.process(42, "ssh", "/c");
    let protection = gather(&host, &[]);
    assert_eq!(keys(&protection.tgids), [1, 40, DAEMON]);
    assert!(protection.why_protected("/a").is_some() && protection.why_protected("/b").is_none());
}

#[test]
fn what_runs_no_program_is_no_sshd_and_a_program_that_may_not_be_seen_may_be() {
    let host = TestHost::new();
    for pid in [40, 41] {
        host.process(pid, "sshd", "/a");
        std::fs::remove_file(host.host.proc.join(format!("{pid}/exe"))).unwrap();
    }
    // No link: another error than that there is none.
    std::fs::write(host.host.proc.join("41/exe"), "").unwrap();
    assert_eq!(keys(&gather(&host, &[]).tgids), [1, 41, DAEMON]);
}

#[test]
fn the_files_list() {
    let host = host();
    let list = ["cgroup:/later", "unit:postgresql", "unit:soon", "port:5432", "address:10.0.0.0/8"];
    let protection = gather(&host, &list);
    let file = Some("the limits file protects it");
    assert_eq!(protection.why_protected("/later").as_deref(), file);
    assert!(protection.why_protected("/later/x").is_some());
    assert_eq!(protection.why_protected("/system.slice/postgresql.service").as_deref(), file);
    assert!(protection.why_protected("/system.slice/postgresql.service/main").is_some());
    assert_eq!(protection.why_protected("/any.slice/soon.service").as_deref(), file);
    assert!(protection.cgroups.contains_key("/system.slice/postgresql.service"), "for the kernel's ids");
    assert!(protection.ports.contains_key(&5432));
    assert!(protection.addresses.contains_key(&"10.0.0.0/8".parse().unwrap()));
}

#[test]
fn gateways_of_a_target() {
    let host = host();
    let net = host.host.proc.join("30/net");
    std::fs::create_dir(&net).unwrap();
    std::fs::write(net.join("route"), "veth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
        .unwrap();
    let mut protection = gather(&host, &[]);
    protection.add_gateways(&host.host, Some(30)).unwrap();
    assert!(protection.addresses.contains_key(&"192.168.1.1/32".parse().unwrap()));
    protection.add_gateways(&host.host, Some(99)).unwrap();
}

#[test]
fn without_proc_nothing_is_allowed() {
    let host = host();
    std::fs::remove_dir_all(&host.host.proc).unwrap();
    assert!(Protection::gather(&host.host, DAEMON, &[]).is_err());
}

#[test]
fn pids_users_interfaces_and_system_calls() {
    let protection = gather(&host(), &["pid:50", "pid:1", "user:0", "interface:eth1", "syscall:openat"]);
    assert_eq!(protection.tgids[&50], "it is a process that the limits file protects");
    assert_eq!(protection.tgids[&1], "it is PID 1", "the list names nobody anew");
    let why = protection.why_protected("/system.slice/postgresql.service/main").unwrap();
    assert_eq!(why, "a process that the limits file protects (pid 50) is in it");
    assert_eq!(protection.why_protected("/system.slice/postgresql.service"), None);
    assert_eq!((keys(&protection.users), keys(&protection.syscalls)), (vec![0], vec!["openat".to_owned()]));
    assert_eq!(protection.why_interface("eth1"), Some("the limits file protects it"));
    assert_eq!(protection.why_interface("eth10"), None);
}
