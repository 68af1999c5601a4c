//! The limits on how much is touched, how often, and what must be said.

use super::*;
use crate::limits::file::parse;
use crate::limits::{HostFacts, Mode, may_arm};
use std::time::{Duration, SystemTime};

const DROP: &str = r#"{"kind":"drop","percent":5,"targets":["unit:nginx"]}"#;
const FAIL: &str = r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":5,"targets":["unit:nginx"]}"#;

fn with(json: &str, more: &str) -> String {
    format!("{},{more}}}", json.trim_end_matches('}'))
}

/// nginx has 2 cgroups with a process each. Passes, or the limit, what was asked and what is allowed.
fn result(limits: &str, node: &NodeFacts, json: &str) -> Result<Allowed, [String; 3]> {
    judged(&host(), &parse(limits).unwrap(), node, json).map_err(|error| {
        assert_eq!(error.kind, crate::error::Kind::Refused, "{error}");
        assert!(error.hint.is_some());
        [error.limit.unwrap().into(), error.asked.unwrap(), error.allowed.unwrap()]
    })
}

#[track_caller]
fn refused(limits: &str, node: &NodeFacts, json: &str, expected: [&str; 3]) {
    assert_eq!(result(limits, node, json).unwrap_err(), expected);
}

#[test]
fn how_much_is_touched() {
    let quiet = NodeFacts::quiet();
    let two = DROP.replace("unit:nginx", "unit:nginx\",\"unit:postgresql");
    refused("max_targets: 1", &quiet, &two, ["max_targets", "2", "1"]);
    refused("max_cgroups: 1", &quiet, DROP, ["max_cgroups", "2", "1"]);
    refused("max_processes: 1", &quiet, DROP, ["max_processes", "2", "1"]);
    result("{max_targets: 2, max_cgroups: 4, max_processes: 3}", &quiet, &two).unwrap();
    let protected = "{max_processes: 1, protect: ['cgroup:/system.slice/nginx.service/workers']}";
    result(protected, &quiet, DROP).unwrap();
}

#[test]
fn shares_of_the_node() {
    let node = |node_cgroups, traffic_share| NodeFacts { node_cgroups, traffic_share, ..NodeFacts::quiet() };
    refused("max_cgroup_share: 20", &node(9, None), DROP, ["max_cgroup_share", "22.22%", "20%"]);
    result("max_cgroup_share: 20", &node(10, None), DROP).unwrap();
    refused("max_cgroup_share: 99", &node(0, None), DROP, ["max_cgroup_share", "not measured", "99%"]);
    refused("max_traffic_share: 50", &node(10, Some(0.501)), DROP, ["max_traffic_share", "50.10%", "50%"]);
    result("max_traffic_share: 50", &node(10, Some(0.5)), DROP).unwrap();
    for share in [None, Some(f64::NAN), Some(-0.1)] {
        refused(
            "max_traffic_share: 50",
            &node(10, share),
            DROP,
            ["max_traffic_share", "not measured", "50%"],
        );
        result("max_traffic_share: 100", &node(0, share), DROP).unwrap();
    }
}

#[test]
fn how_often() {
    let node = NodeFacts { started_last_hour: 5, ..NodeFacts::quiet() };
    refused("max_faults_per_hour: 5", &node, DROP, ["max_faults_per_hour", "6", "5"]);
    result("max_faults_per_hour: 6", &node, DROP).unwrap();
    let since =
        |millis| NodeFacts { since_last_end: Some(Duration::from_millis(millis)), ..NodeFacts::quiet() };
    refused("cooldown: 10s", &since(9_500), DROP, ["cooldown", "9s500ms", "10s"]);
    for node in [since(10_000), NodeFacts::quiet()] {
        result("cooldown: 10s", &node, DROP).unwrap();
    }
    result("cooldown: 0s", &since(0), DROP).unwrap();
    let error = judged(&host(), &parse("cooldown: 10s").unwrap(), &since(9_500), DROP).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("try again in 1s"));
}

#[test]
fn a_budget_is_the_smaller_one() {
    let quiet = NodeFacts::quiet();
    let limits = "budget: {fault: {packets: 100, bytes: 5000, calls: 10, calls_per_second: 3}}";
    refused(limits, &quiet, &with(DROP, r#""budget":101"#), ["budget.fault.packets", "101", "100"]);
    refused(limits, &quiet, &with(FAIL, r#""budget":11"#), ["budget.fault.calls", "11", "10"]);
    let budget = |limits, json: &str| result(limits, &quiet, json).unwrap().budget;
    let asked = budget(limits, &with(DROP, r#""budget":99"#));
    assert_eq!((asked.packets, asked.bytes, asked.calls), (Some(99), Some(5000), None));
    assert_eq!((budget(limits, DROP).total(), budget(limits, FAIL).total()), (Some(100), Some(10)));
    assert_eq!(budget(limits, FAIL).calls_per_second, Some(3));
    assert_eq!(budget(limits, FAIL).bytes, None);
    assert_eq!(budget("max_faults: 1", DROP).total(), None);
    assert_eq!(budget("max_faults: 1", &with(DROP, r#""budget":7"#)).total(), Some(7));
}

#[test]
fn what_must_be_said() {
    let quiet = NodeFacts::quiet();
    let limits = "require: [hypothesis, ticket]";
    refused(limits, &quiet, DROP, ["require", "no hypothesis", "with a hypothesis"]);
    let half = with(DROP, r#""hypothesis":"p99 stays""#);
    refused(limits, &quiet, &half, ["require", "no ticket", "with a ticket"]);
    result(limits, &quiet, &with(&half, r#""ticket":"OPS-1""#)).unwrap();
}

#[test]
fn system_calls_and_pids() {
    let quiet = NodeFacts::quiet();
    const ANY: &str = "any system call that is not protected";
    for name in ["open", "openat2", "creat"] {
        let limits = format!("protect: ['syscall:{name}']");
        refused(&limits, &quiet, FAIL, ["protect", "open", ANY]);
        result(&limits, &quiet, DROP).unwrap();
    }
    result("protect: ['syscall:read']", &quiet, FAIL).unwrap();
    refused(
        "protect: ['pid:30']",
        &quiet,
        DROP,
        ["protect", "unit:nginx.service", "any cgroup that is not protected"],
    );
    let allowed = result("protect: ['pid:31', 'user:0', 'interface:eth0']", &quiet, DROP).unwrap();
    assert_eq!(allowed.skipped.len(), 1, "the worker's cgroup");
}

#[test]
fn above_a_soft_limit_somebody_must_approve() {
    let quiet = NodeFacts::quiet();
    let over = |limits: &str, json: &str| -> Vec<&'static str> {
        let allowed = result(limits, &quiet, json).unwrap();
        allowed.needs_approval.iter().map(|one| one.limit).collect()
    };
    let delay = r#"{"kind":"delay","by":"80ms","jitter":"20ms","for":"31s","targets":["unit:nginx"]}"#;
    assert!(over("max_faults: 1", delay).is_empty());
    assert_eq!(over("soft: {percent: 4.9, delay: 1ms}", DROP), ["soft.percent"]);
    assert!(over("soft: {percent: 5, ttl: 30s, cgroups: 2, processes: 2}", DROP).is_empty());
    assert_eq!(
        over("soft: {ttl: 30s, delay: 99ms, cgroups: 1, processes: 0}", delay),
        ["soft.ttl", "soft.delay", "soft.cgroups", "soft.processes"]
    );
    let allowed = result("soft: {percent: 1}", &quiet, DROP).unwrap();
    let one = &allowed.needs_approval[0];
    assert_eq!((one.asked.as_str(), one.allowed.as_str()), ("5%", "1%"));
    refused("{soft: {percent: 1}, max_percent: 4}", &quiet, DROP, ["max_percent", "5%", "4%"]);
}

#[test]
fn the_host_and_the_clock() {
    let quiet = NodeFacts::quiet();
    let loaded = HostFacts { load_per_cpu: Some(2.0), ..HostFacts::idle() };
    let node = NodeFacts { host: loaded, ..quiet.clone() };
    let limit = ["host.max_load_per_cpu", "load per CPU 2.00", "at most 1"];
    refused("host: {max_load_per_cpu: 1}", &node, DROP, limit);
    result("host: {max_load_per_cpu: 2}", &node, DROP).unwrap();
    let jumped = NodeFacts { clock_jumped: true, ..quiet };
    let limit = ["when", "the clock jumped", "a clock that can be trusted"];
    refused("when: {zone: UTC}", &jumped, DROP, limit);
    result("max_faults: 1", &jumped, DROP).unwrap();
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(12 * 3600);
    let node = NodeFacts { now: noon, ..NodeFacts::quiet() };
    let window = "when: {zone: UTC, windows: [{from: '09:00', to: '12:01'}]}";
    let limit = ["when.windows", "1m1s", "1m"];
    refused(window, &node, &with(DROP, r#""for":"61s""#), limit);
    let allowed = result(window, &node, &with(DROP, r#""for":"60s""#)).unwrap();
    assert_eq!(allowed.consulted.last().unwrap().limit, "when.windows");
}

#[test]
fn the_mode() {
    for (mode, shadow, armed) in
        [(Mode::Observe, false, false), (Mode::Shadow, true, false), (Mode::Armed, true, true)]
    {
        let limits = Limits { mode, ..Limits::default() };
        let got = (may_arm(&limits, true).is_ok(), may_arm(&limits, false).is_ok());
        assert_eq!(got, (shadow, armed), "{mode}: a shadow fault, a real one");
        verdict(&host(), &limits, 0, DROP).unwrap_or_else(|error| panic!("a plan in every mode: {error}"));
    }
    let error = may_arm(&Limits::default(), false).unwrap_err();
    let limit = (error.limit.as_deref(), error.asked.as_deref(), error.allowed.as_deref());
    assert_eq!(limit, (Some("mode"), Some("armed"), Some("observe")));
}
