//! What is asked compiles to exactly these rules and steps.

use std::collections::BTreeMap;

use injector_ebpf::rule::{
    ALWAYS, HOOK_DELAY, HOOK_DROP_EGRESS, HOOK_DROP_INGRESS, HOOK_OPEN_KPROBE, HOOK_OPEN_LSM,
};

use super::*;
use crate::{
    limits::{Limits, NodeFacts, Protection},
    spec::FaultSpec,
    target::{Cgroup, Process, Target},
};

fn able() -> Capabilities {
    Capabilities { tcx: true, drop: Ok(()), delay: Ok(()), lsm: Ok(()), kprobe: Ok(()) }
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
        },
    )
}

#[test]
fn a_drop_in_both_directions_attaches_to_links_and_cgroup() {
    let plan = plan(
        r#"{"kind":"drop","percent":5,"direction":"both","targets":["cgroup:/app"],"peer":"10.0.0.0/8:5432"}"#,
        &able(),
    )
    .unwrap();
    assert_eq!(plan.rule().hook, HOOK_DROP_EGRESS | HOOK_DROP_INGRESS);
    assert_eq!(plan.rule().threshold, 214_748_365);
    assert_eq!(plan.rule().port, 5432);
    assert_eq!(plan.rule().mask, [!0, !0, !0, 0xff00_0000_u32.to_be()]);
    assert_eq!(plan.rule().peer[3].to_ne_bytes(), [10, 0, 0, 0]);
    assert_eq!(plan.steps().len(), 3);
    assert_eq!(plan.steps()[2], Step::DropIngress { cgroup: "/app".into() });
    assert_eq!(plan.summary(), "5 % both loss, peer 10.0.0.0/8:5432, /app");
}

#[test]
fn a_delay_makes_its_device_before_its_filters() {
    let plan = plan(r#"{"kind":"delay","by":"80ms","targets":["cgroup:/app"]}"#, &able()).unwrap();
    assert_eq!(plan.rule().hook, HOOK_DELAY);
    assert_eq!(plan.rule().threshold, ALWAYS);
    assert!(matches!(plan.steps()[0], Step::DelayDevice { slot: 3, .. }));
    assert!(plan.steps()[1..].iter().all(|step| matches!(step, Step::DelayFilter { slot: 3, .. })));
}

#[test]
fn the_rung_depends_on_the_path_and_on_the_kernel() {
    let bare = r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":10,"targets":["cgroup:/app"]}"#;
    let path = r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":10,"path":"/d","targets":["cgroup:/app"]}"#;
    assert_eq!(plan(bare, &able()).unwrap().rule().hook, HOOK_OPEN_KPROBE);
    assert_eq!(plan(path, &able()).unwrap().rule().hook, HOOK_OPEN_LSM);
    let no_kprobe = Capabilities { kprobe: Err("no".into()), ..able() };
    assert_eq!(plan(bare, &no_kprobe).unwrap().rule().hook, HOOK_OPEN_LSM);
    let no_lsm = Capabilities { lsm: Err("no".into()), ..able() };
    let typed = plan(path, &no_lsm).unwrap();
    assert_eq!(typed.rule().hook, HOOK_OPEN_KPROBE);
    assert!(typed.warnings().iter().any(|w| w.contains("as the program typed it")));
    let nothing = Capabilities { lsm: Err("x1".into()), kprobe: Err("x2".into()), ..able() };
    let error = plan(bare, &nothing).unwrap_err().to_string();
    assert!(error.contains("x1") && error.contains("x2"), "{error}");
}

#[test]
fn a_kernel_that_cannot_is_an_error_that_says_why() {
    let kernel = Capabilities { delay: Err("no netem".into()), ..able() };
    let error = plan(r#"{"kind":"delay","by":"80ms","targets":["cgroup:/app"]}"#, &kernel).unwrap_err();
    assert!(error.to_string().contains("no netem"));
}
