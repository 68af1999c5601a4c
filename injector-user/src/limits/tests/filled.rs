//! Limits with every key.

use super::*;
use crate::limits::file::parse;

pub(super) const EVERY_KEY: &str = r#"
mode: armed
max_ttl: 10m
max_percent: 2.5
max_delay: 500ms
max_faults: 16
max_targets: 3
max_cgroups: 30
max_processes: 300
max_cgroup_share: 25
max_traffic_share: 12.5
max_faults_per_hour: 6
cooldown: 1m
budget:
  fault: {packets: 1, bytes: 2, calls: 3, packets_per_second: 4, bytes_per_second: 5, calls_per_second: 6}
  node: {packets: 10, bytes: 20, calls: 30, packets_per_second: 40, bytes_per_second: 50, calls_per_second: 60}
protect: [cgroup:/db, unit:etcd, 'pid:77', 'user:root', 'port:5432', 'address:10.0.0.0/8', 'interface:eth1',
  'syscall:openat']
when:
  zone: Europe/Berlin
  windows:
    - {days: [mon..thu, sat], from: "09:00", to: "17:00"}
    - {from: "22:00", to: "24:00"}
  freezes:
    - {from: 2026-12-20, to: 2027-01-06, why: end of the year}
host:
  max_load_per_cpu: 1.5
  max_cpu_pressure: 50
  max_memory_pressure: 20
  max_io_pressure: 30
  min_free_memory: 10
  min_free_disk: 5
  disks: [/, /var/lib]
roles:
  observe: ['group:0']
  plan: ['user:1001']
  inject: ['user:root', 'user:1002']
  halt: ['user:1003']
  admin: ['group:root']
soft: {percent: 1, ttl: 1m, delay: 100ms, cgroups: 3, processes: 30}
require: [hypothesis, ticket]
abort: [target.rtt_p99>250ms, control.retransmits>5%, node.memory_pressure>20%]
"#;

#[test]
fn every_key_reads_back() {
    let limits = parse(EVERY_KEY).unwrap();
    let json = serde_json::to_string(&limits).unwrap();
    assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), limits);
    let shown = |text: &[String]| text.join(" ");
    let protect: Vec<String> = limits.protect.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown(&protect),
        "cgroup:/db unit:etcd.service pid:77 user:root port:5432 address:10.0.0.0/8 interface:eth1 syscall:openat"
    );
    let windows: Vec<String> = limits.when.unwrap().windows.iter().map(ToString::to_string).collect();
    assert_eq!(shown(&windows), "mon..thu,sat 09:00-17:00 every day 22:00-24:00");
    assert_eq!(limits.budget.fault.fields().map(|(_, value)| value.unwrap()), [1, 2, 3, 4, 5, 6]);
    assert_eq!(limits.budget.node.calls_per_second, Some(60));
    assert_eq!(limits.host.max_load_per_cpu, Some(1.5));
    assert_eq!((limits.require.len(), limits.abort.len()), (2, 3));
}

#[test]
fn the_packages_default_is_safe() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/limits.yaml");
    let limits = parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(crate::limits::may_arm(&limits, false).is_err());
    assert!(crate::limits::may_arm(&limits, true).is_err());
    assert!(limits.max_cgroup_share <= "25".parse().unwrap());
}

/// The examples of the document are files that load.
#[test]
fn the_documents_examples_load() {
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/LIMITS.md")).unwrap();
    let examples: Vec<&str> =
        document.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        // Its people are not people of every system.
        let example = example.replace("user:alice", "user:root").replace("group:sre", "group:root");
        let example = example.replace("user:postgres", "user:root");
        parse(&example).unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}
