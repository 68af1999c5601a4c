//! What is asked compiles to exactly these rules and steps.

use std::collections::BTreeMap;

use injector_ebpf::{
    draw::ALWAYS,
    means::{PROTO_TCP, PROTO_UDP, Ports},
    rule::{
        ACT_DEVICE, HOOK_CALL, HOOK_CGROUP_CALL, HOOK_CGROUP_INGRESS, HOOK_EGRESS, HOOK_LSM, HOOK_OPEN_LSM,
        RULE_PEERS,
    },
};

use super::*;
use crate::{
    limits::{Limits, NodeFacts, Protection},
    spec::FaultSpec,
    target::{Cgroup, Process, Target},
};

pub(super) fn able() -> Capabilities {
    Capabilities {
        tcx: true,
        drop: Ok(()),
        delay: Ok(()),
        rate: Ok(()),
        flow_rate: Ok(()),
        lsm: Ok(()),
        kprobe: Ok(()),
        modify_return: Err("no fmod_ret".into()),
        security: Err("no fmod_ret on security_*".into()),
        watching: Watching::none("not here"),
        lags: Lags::none("not here"),
        sockets: Ok(()),
        cgroup: Err("no cgroup hook".into()),
        missing_calls: ["fchmodat2"].into(),
        missing_hooks: Default::default(),
        missing_security: Default::default(),
    }
}

pub(super) fn plan(json: &str, kernel: &Capabilities) -> Result<Plan, crate::error::Error> {
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
            Step::Call { rung, call } => format!("{}: {call}", rung.title()),
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

/// As Debian's 6.1 and 6.12: neither rung at the entry, all hooks.
fn stock() -> Capabilities {
    let no = |what: &str| Err(format!("no {what}"));
    Capabilities { kprobe: no("kprobe"), modify_return: no("fmod_ret"), cgroup: Ok(()), ..able() }
}

pub(super) fn fail(name: &str, keys: &str) -> String {
    let keys = format!(r#""syscall":"{name}","errno":"EIO","every":10,{keys}"targets":["cgroup:/app"]"#);
    format!(r#"{{"kind":"fail",{keys}}}"#)
}

#[test]
fn a_call_fails_at_the_hooks_that_it_passes() {
    let hooks = |plan: &Plan| -> Vec<String> {
        plan.steps().iter().map(|step| step.doc(true).does.replace("LSM hook ", "")).collect()
    };
    let read = plan(&fail("read", ""), &stock()).unwrap();
    assert_eq!((hooks(&read), read.rule().hook), (vec!["file_permission".to_owned()], HOOK_LSM));
    assert_eq!(read.rule().hooks, 1 << hook_index("file_permission").unwrap());
    let unlink = plan(&fail("unlink", ""), &stock()).unwrap();
    assert_eq!(hooks(&unlink), ["inode_rmdir", "inode_unlink"]);
    assert_eq!(unlink.rule().hooks.count_ones(), 2);
    let refused = |name: &str, kernel: &Capabilities| plan(&fail(name, ""), kernel).unwrap_err().to_string();
    let fsync = refused("fsync", &stock());
    assert!(
        ["no kprobe", "no fmod_ret", "fsync passes no LSM hook"].iter().all(|part| fsync.contains(part)),
        "{fsync}"
    );
    assert!(fsync.contains("CONFIG_BPF_KPROBE_OVERRIDE, or Linux 7.1"), "what would do it: {fsync}");
    assert!(refused("sendfile", &stock()).contains("twice"));
    let older = Capabilities { missing_hooks: ["inode_unlink"].into(), ..stock() };
    assert!(refused("unlink", &older).contains("no hook inode_unlink"));
}

#[test]
fn a_rung_that_is_asked_for_is_had_or_refused() {
    let by = |rung: &str, name: &str, kernel: &Capabilities| {
        plan(&fail(name, &format!(r#""rung":"{rung}","#)), kernel)
            .map(|plan| plan.rule().hook)
            .map_err(|error| error.to_string())
    };
    let all = Capabilities { modify_return: Ok(()), cgroup: Ok(()), ..able() };
    let each = ["kprobe", "fmod-ret", "lsm", "cgroup"].map(|rung| by(rung, "connect", &all).unwrap());
    assert_eq!(each, [HOOK_CALL, HOOK_CALL, HOOK_LSM, HOOK_CGROUP_CALL]);
    assert!(by("kprobe", "connect", &stock()).unwrap_err().contains("kprobe override: no kprobe"));
    assert!(by("lsm", "fsync", &all).unwrap_err().contains("no LSM hook"));
    assert!(by("cgroup", "read", &all).unwrap_err().contains("no hook of a cgroup"));
    assert!(by("cgroup", "open", &all).is_err() && by("ladder", "connect", &all).is_err());
    let exact = |name: &str| plan(&fail(name, r#""rung":"cgroup","exact":true,"#), &all);
    assert!(exact("connect").is_ok(), "it is alone in its family");
    for name in ["sendto", "sendmsg"] {
        assert!(exact(name).unwrap_err().to_string().contains("apart"), "{name}");
    }
    let without = Capabilities { lsm: Err("no lsm".into()), ..stock() };
    let bare = plan(&fail("connect", ""), &without).unwrap();
    assert_eq!(bare.steps(), [Step::CgroupCall { call: "connect".into(), cgroup: "/app".into() }]);
    assert!(bare.semantics.iter().any(|line| line.contains("on sockets that were made in")));
    let typed = plan(
        r#"{"kind":"fail","syscall":"open","errno":"EIO","every":10,"path":"/d","rung":"kprobe","targets":["cgroup:/app"]}"#,
        &all,
    );
    assert_eq!(typed.unwrap().rule().hook, HOOK_CALL, "though the hook would be preferred");
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
