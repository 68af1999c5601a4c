//! What is refused, with what would have been allowed, and what passes.

use super::*;
use crate::error::Kind;
use crate::limits::{Consulted, DEFAULT_TTL};
use crate::spec::Span;
use std::time::Duration;

fn drop(target: &str, more: &str) -> String {
    format!(r#"{{"kind":"drop","percent":5,"targets":["{target}"]{more}}}"#)
}

#[track_caller]
fn refused(json: &str, message: &str, limit: [&str; 3]) {
    refused_with(&Limits::default(), 0, json, message, limit);
}

#[track_caller]
fn refused_with(
    limits: &Limits,
    armed: usize,
    json: &str,
    message: &str,
    [limit, asked, allowed]: [&str; 3],
) {
    let error = verdict(&host(), limits, armed, json).unwrap_err();
    assert_eq!((error.kind, error.kind.exit_code()), (Kind::Refused, 4), "{error}");
    assert_eq!(error.message, message);
    assert!(error.hint.is_some());
    let consulted = (error.limit.as_deref(), error.asked.as_deref(), error.allowed.as_deref());
    assert_eq!(consulted, (Some(limit), Some(asked), Some(allowed)));
}

const CGROUP: &str = "any cgroup that is not protected";

#[test]
fn ssh_is_refused_for_ssh_and_not_for_the_percent() {
    refused(
        r#"{"kind":"drop","percent":100,"targets":["unit:ssh.service"]}"#,
        "unit:ssh.service (/system.slice/ssh.service) is protected: sshd (pid 40) is in it",
        ["protect", "unit:ssh.service", CGROUP],
    );
}

#[test]
fn sessions_the_daemon_pid_1_and_the_root_are_refused() {
    for (target, path, why) in [
        ("unit:session-3.scope", "/user.slice/user-0.slice/session-3.scope", "sshd (pid 41) is in it"),
        ("unit:injector", "/system.slice/injector.service", "the injector daemon (pid 500) is in it"),
        ("unit:init.scope", "/init.scope", "PID 1 (pid 1) is in it"),
    ] {
        let name: crate::spec::TargetSpec = target.parse().unwrap();
        let name = name.to_string();
        refused(
            &drop(target, ""),
            &format!("{name} ({path}) is protected: {why}"),
            ["protect", &name, CGROUP],
        );
    }
    refused(
        &drop("cgroup:/", ""),
        "the root cgroup can't be a target: it holds the whole host",
        ["protect", "cgroup:/", CGROUP],
    );
}

#[test]
fn the_root_is_refused_here_too() {
    let host = host();
    let spec = FaultSpec::from_json(drop("cgroup:/", "").as_bytes()).unwrap();
    let mut target = resolve(&host.host, &"unit:nginx".parse().unwrap()).unwrap().remove(0);
    (target.spec, target.path) = (spec.targets[0].clone(), "/".into());
    let protection = Protection::gather(&host.host, DAEMON, &[]).unwrap();
    let quiet = NodeFacts::quiet();
    let error = check(&spec, &[target], &Limits::default(), &protection, &quiet).unwrap_err();
    assert_eq!(error.message, "cgroup:/ (/) is protected: it is the root cgroup");
    assert_eq!(check(&spec, &[], &Limits::default(), &protection, &quiet).unwrap_err().kind, Kind::Usage);
}

#[test]
fn protected_cgroups_inside_a_target_are_left_out() {
    // One host: what is made when another one is gone may get its inodes' numbers.
    let host = host();
    let allowed = verdict(&host, &Limits::default(), 0, &drop("cgroup:/system.slice", "")).unwrap();
    let paths = |cgroups: &[crate::target::Cgroup]| -> Vec<String> {
        cgroups.iter().map(|cgroup| cgroup.path.trim_start_matches("/system.slice").to_owned()).collect()
    };
    assert_eq!(
        paths(&allowed.cgroups),
        ["", "/nginx.service", "/nginx.service/workers", "/postgresql.service", "/postgresql.service/main"]
    );
    let skipped: Vec<_> = allowed.skipped.iter().map(|skipped| skipped.cgroup.clone()).collect();
    assert_eq!(paths(&skipped), ["/injector.service", "/ssh.service"]);
    assert_eq!(allowed.skipped[1].why, "sshd (pid 40) is in it");
    for cgroup in &allowed.cgroups {
        assert_ne!(cgroup.id, host.cgroup("/system.slice/ssh.service"));
    }
}

#[test]
fn targets_that_overlap_count_once() {
    let json = drop("unit:nginx\",\"cgroup:/system.slice/nginx.service/workers", "");
    assert_eq!(verdict(&host(), &Limits::default(), 0, &json).unwrap().cgroups.len(), 2);
}

#[test]
fn one_protected_target_refuses_all() {
    refused(
        &drop("unit:nginx\",\"unit:ssh", ""),
        "unit:ssh.service (/system.slice/ssh.service) is protected: sshd (pid 40) is in it",
        ["protect", "unit:ssh.service", CGROUP],
    );
}

#[test]
fn protected_ports_and_addresses() {
    const PORT: &str = "any port that is not protected";
    for (peer, port, why) in [
        (":22", 22, "ssh"),
        ("10.0.0.5:53", 53, "DNS"),
        ("[2001:db8::/32]:22", 22, "ssh"),
        (":68", 68, "DHCP"),
        (":547", 547, "DHCPv6"),
    ] {
        refused(
            &drop("unit:nginx", &format!(r#","peer":"{peer}""#)),
            &format!("port {port} of the peer {peer} is protected: it is the port of {why}"),
            ["protect", peer, PORT],
        );
    }
    const ADDRESS: &str = "any address that is not protected";
    for peer in ["192.0.2.1", "fe80::1", "192.0.2.1:80"] {
        let net = peer.trim_end_matches(":80");
        refused(
            &drop("unit:nginx", &format!(r#","peer":"{peer}""#)),
            &format!("the peer {peer} is inside {net}, which is protected: it is the default gateway"),
            ["protect", peer, ADDRESS],
        );
    }
    let limits = Limits {
        protect: vec!["address:10.0.0.0/8".parse().unwrap(), "port:5432".parse().unwrap()],
        ..Limits::default()
    };
    refused_with(
        &limits,
        0,
        &drop("unit:nginx", r#","peer":"10.1.0.0/16""#),
        "the peer 10.1.0.0/16 is inside 10.0.0.0/8, which is protected: the limits file protects it",
        ["protect", "10.1.0.0/16", ADDRESS],
    );
    refused_with(
        &limits,
        0,
        &drop("unit:nginx", r#","peer":":5432""#),
        "port 5432 of the peer :5432 is protected: the limits file protects it",
        ["protect", ":5432", PORT],
    );
    for peer in ["0.0.0.0/0", "192.0.2.0/24", "::/0", ":80", "10.0.0.0/7"] {
        verdict(&host(), &limits, 0, &drop("unit:nginx", &format!(r#","peer":"{peer}""#))).unwrap();
    }
}

#[test]
fn magnitudes() {
    refused(
        &drop("unit:nginx", r#","for":"10m""#),
        "a fault of 10m is over this node's max_ttl of 5m",
        ["max_ttl", "10m", "5m"],
    );
    refused(
        r#"{"kind":"drop","percent":20.0001,"targets":["unit:nginx"]}"#,
        "a share of 20.0001% is over this node's max_percent of 20%",
        ["max_percent", "20.0001%", "20%"],
    );
    refused(
        r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":21,"targets":["unit:nginx"]}"#,
        "a share of 21% is over this node's max_percent of 20%",
        ["max_percent", "21%", "20%"],
    );
    refused(
        r#"{"kind":"delay","by":"1500ms","jitter":"501ms","targets":["unit:nginx"]}"#,
        "a delay (with its jitter) of 2s1ms is over this node's max_delay of 2s",
        ["max_delay", "2s1ms", "2s"],
    );
    refused_with(
        &Limits::default(),
        4,
        &drop("unit:nginx", ""),
        "a number of faults at once of 5 is over this node's max_faults of 4",
        ["max_faults", "5", "4"],
    );
}

#[test]
fn what_is_at_the_limit_passes() {
    let all = r#"{"kind":"delay","by":"1s","jitter":"1s","for":"5m","targets":["unit:nginx"]}"#;
    let allowed = verdict(&host(), &Limits::default(), 3, all).unwrap();
    assert_eq!(allowed.ttl, Duration::from_secs(300));
    let consulted =
        |limit, asked: &str, allowed: &str| Consulted { limit, asked: asked.into(), allowed: allowed.into() };
    assert_eq!(
        allowed.consulted,
        [
            consulted("max_ttl", "5m", "5m"),
            consulted("max_delay", "2s", "2s"),
            consulted("max_targets", "1", "16"),
            consulted("max_cgroups", "2", "256"),
            consulted("max_processes", "2", "4096"),
            consulted("max_cgroup_share", "0.00%", "100%"),
            consulted("max_traffic_share", "0.00%", "100%"),
            consulted("max_faults", "4", "4"),
            consulted("max_faults_per_hour", "1", "60"),
        ]
    );
    let json = r#"{"kind":"drop","percent":20,"targets":["unit:nginx"]}"#;
    let allowed = verdict(&host(), &Limits::default(), 0, json).unwrap();
    assert_eq!((allowed.ttl, allowed.skipped.len()), (DEFAULT_TTL.duration(), 0));
    assert_eq!(allowed.consulted[1], consulted("max_percent", "20%", "20%"));
}

#[test]
fn the_default_ttl_is_within_the_limit() {
    let limits = Limits { max_ttl: Span::from_secs(10), ..Limits::default() };
    let allowed = verdict(&host(), &limits, 0, &drop("unit:nginx", "")).unwrap();
    assert_eq!(allowed.ttl, Duration::from_secs(10));
}
