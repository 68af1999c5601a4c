//! What is asked compiles to exactly these rules and steps.

use std::collections::BTreeMap;

use injector_ebpf::{
    draw::ALWAYS,
    means::{PROTO_TCP, PROTO_UDP, Ports},
    rule::{ACT_DEVICE, HOOK_CALL, HOOK_CGROUP_INGRESS, HOOK_EGRESS, HOOK_OPEN_LSM, RULE_PEERS},
};

use super::*;
use crate::{
    limits::{Limits, NodeFacts, Protection},
    spec::FaultSpec,
    target::{Cgroup, Process, Target},
};

fn able() -> Capabilities {
    Capabilities {
        tcx: true,
        drop: Ok(()),
        delay: Ok(()),
        rate: Ok(()),
        flow_rate: Ok(()),
        lsm: Ok(()),
        kprobe: Ok(()),
        modify_return: Err("no fmod_ret".into()),
        missing_calls: ["fchmodat2"].into(),
    }
}

fn plan(json: &str, kernel: &Capabilities) -> Result<Plan, crate::error::Error> {
    let spec = FaultSpec::from_json(json.as_bytes())?;
    let target = Target {
        spec: spec.targets[0].clone(),
        path: "/app".into(),
        cgroups: vec![Cgroup { path: "/app".into(), id: 7 }],
        processes: vec![Process { pid: 10, comm: "app".into(), cgroup: "/app".into() }],
        notes: vec![],
    };
    let sites = [Site { netns: 1, links: vec![(1, "lo".into()), (2, "eth0".into())] }];
    let protection =
        Protection { cgroups: BTreeMap::from([("/".into(), "root".into())]), ..Default::default() };
    make(
        &spec,
        3,
        &Facts {
            targets: &[target],
            limits: &Limits::default(),
            protection: &protection,
            node: &NodeFacts::quiet(),
            capabilities: kernel,
            sites: &sites,
            names: &BTreeMap::new(),
        },
    )
}

/// By a kernel that can do everything, on a node with the built-in limits.
pub(super) fn planned(json: &str) -> Result<Plan, crate::error::Error> {
    plan(json, &able())
}

#[test]
fn a_drop_in_both_directions_attaches_to_links_and_cgroup() {
    let plan = plan(
        r#"{"kind":"drop","percent":5,"direction":"both","targets":["cgroup:/app"],"peer":"10.0.0.0/8:5432"}"#,
        &able(),
    )
    .unwrap();
    assert_eq!(plan.rule().hook, HOOK_EGRESS | HOOK_CGROUP_INGRESS);
    assert_eq!(plan.rule().draw.threshold, 214_748_365);
    assert_eq!(plan.rule().means.peer, Ports { low: 5432, high: 5432 });
    assert_eq!(plan.rule().flags, RULE_PEERS);
    assert_eq!(plan.addresses().peers, ["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(plan.steps().len(), 3);
    assert_eq!(plan.steps()[2], Step::CgroupIngress { cgroup: "/app".into() });
    assert_eq!(plan.summary(), "5 % both loss, peer 10.0.0.0/8:5432, /app");
}

#[test]
fn a_delay_makes_its_device_before_its_filters() {
    let plan = plan(r#"{"kind":"delay","by":"80ms","targets":["cgroup:/app"]}"#, &able()).unwrap();
    assert_eq!((plan.rule().hook, plan.rule().act), (HOOK_EGRESS, ACT_DEVICE));
    assert_eq!(plan.rule().draw.threshold, ALWAYS);
    assert!(matches!(plan.steps()[0], Step::Device { slot: 3, side: Side::Egress, .. }));
    assert!(plan.steps()[1..3].iter().all(|step| matches!(step, Step::Redirect { slot: 3, .. })));
    assert!(plan.steps()[3..].iter().all(|step| matches!(step, Step::Egress { .. })));
}

#[test]
fn questions_over_tcp_are_meant_where_no_name_must_be_read() {
    let protocols = |rest: &str| {
        let json = format!(r#"{{"kind":"dns","percent":5,"targets":["cgroup:/app"],{rest}}}"#);
        plan(&json, &able()).unwrap().rule().means.protocols
    };
    assert_eq!(protocols(r#""names":"*","answer":"lost""#), PROTO_TCP | PROTO_UDP);
    assert_eq!(protocols(r#""names":"*","answer":"delayed","by":"1s""#), PROTO_TCP | PROTO_UDP);
    assert_eq!(protocols(r#""names":"*","answer":"lost","protocol":"udp""#), PROTO_UDP);
    assert_eq!(protocols(r#""names":"*","answer":"nxdomain""#), PROTO_UDP);
    assert_eq!(protocols(r#""names":"a.example","answer":"lost""#), PROTO_UDP);
}

#[test]
fn the_rung_depends_on_the_path_and_on_the_kernel() {
    let bare = r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":10,"targets":["cgroup:/app"]}"#;
    let path = r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":10,"path":"/d","targets":["cgroup:/app"]}"#;
    assert_eq!(plan(bare, &able()).unwrap().rule().hook, HOOK_CALL);
    assert_eq!(plan(path, &able()).unwrap().rule().hook, HOOK_OPEN_LSM);
    let no_kprobe = Capabilities { kprobe: Err("no".into()), ..able() };
    assert_eq!(plan(bare, &no_kprobe).unwrap().rule().hook, HOOK_OPEN_LSM);
    let no_lsm = Capabilities { lsm: Err("no".into()), ..able() };
    let typed = plan(path, &no_lsm).unwrap();
    assert_eq!(typed.rule().hook, HOOK_CALL);
    assert!(typed.warnings().iter().any(|w| w.contains("as the program typed it")));
    let nothing = Capabilities { lsm: Err("x1".into()), kprobe: Err("x2".into()), ..able() };
    let error = plan(bare, &nothing).unwrap_err().to_string();
    assert!(error.contains("x1") && error.contains("x2"), "{error}");
}

#[test]
fn a_call_without_a_hook_needs_its_entry() {
    let fsync = |keys: &str| {
        let keys = format!(r#""syscall":"fsync","errno":"EIO","every":10,{keys}"targets":["cgroup:/app"]"#);
        format!(r#"{{"kind":"fail",{keys}}}"#)
    };
    let steps = |plan: &Plan| -> Vec<String> {
        let call = |step: &Step| match step {
            Step::Call { rung, call } => format!("{rung}: {call}"),
            other => format!("{other:?}"),
        };
        plan.steps().iter().map(call).collect()
    };
    let family = plan(&fsync(""), &able()).unwrap();
    assert_eq!(steps(&family), ["kprobe override: fsync", "kprobe override: fdatasync"]);
    assert_eq!(family.rule().calls.iter().map(|word| word.count_ones()).sum::<u32>(), 2);
    let older = fsync("").replace("fsync", "chmod");
    let older = plan(&older, &able()).unwrap();
    assert!(!steps(&older).contains(&"kprobe override: fchmodat2".to_owned()), "this kernel has not got it");
    assert!(steps(&older).contains(&"kprobe override: fchmod".to_owned()));
    let error = plan(&fsync(r#""exact":true,"#).replace("fsync", "fchmodat2"), &able()).unwrap_err();
    assert!(error.to_string().contains("no such call"), "{error}");
    let newer = Capabilities { kprobe: Err("no".into()), modify_return: Ok(()), ..able() };
    let one = plan(&fsync(r#""exact":true,"#), &newer).unwrap();
    assert_eq!(steps(&one), ["fmod_ret: fsync"]);
    let stock = Capabilities { kprobe: Err("x1".into()), modify_return: Err("x2".into()), ..able() };
    let error = plan(&fsync(""), &stock).unwrap_err().to_string();
    assert!(["x1", "x2", "fail fsync"].iter().all(|part| error.contains(part)), "{error}");
}

#[test]
fn a_kernel_that_cannot_is_an_error_that_says_why() {
    let kernel = Capabilities { delay: Err("no netem".into()), ..able() };
    let error = plan(r#"{"kind":"delay","by":"80ms","targets":["cgroup:/app"]}"#, &kernel).unwrap_err();
    assert!(error.to_string().contains("no netem"));
    let shared = r#"{"kind":"rate","rate":"1mbit","targets":["cgroup:/app"]}"#;
    let per_flow = r#"{"kind":"rate","rate":"1mbit","per_flow":true,"targets":["cgroup:/app"]}"#;
    let no_netem = [shared, per_flow].map(|json| plan(json, &kernel).is_ok());
    assert_eq!(no_netem, [true, true], "a rate needs no netem");
    let kernel = Capabilities { rate: Err("no tbf".into()), ..able() };
    let error = plan(shared, &kernel).unwrap_err().to_string();
    assert!(error.contains("cannot limit a rate: no tbf"), "{error}");
    plan(per_flow, &kernel).unwrap();
    let kernel = Capabilities { flow_rate: Err("no fq".into()), ..able() };
    let error = plan(per_flow, &kernel).unwrap_err().to_string();
    assert!(error.contains("cannot limit a rate per flow: no fq"), "{error}");
    plan(shared, &kernel).unwrap();
}
