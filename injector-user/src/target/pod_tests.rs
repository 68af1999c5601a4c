//! Pods by uid and by name, in the layouts of both cgroup drivers.

use super::container_tests::id;
use super::testhost::TestHost;
use super::tests::{ask, says};
use crate::error::Kind;
use std::fs;

const UID: &str = "0a1b2c3d-0000-1111-2222-333344445555";
const OTHER: &str = "0a1b2c3d-0000-1111-2222-333344446666";
/// A static pod's: the hash of its manifest.
const HASH: &str = "8daa50c3a64c9ff60bb9eab7b44b56fd";

fn slice(uid: &str) -> String {
    let uid = uid.replace('-', "_");
    format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice")
}

/// One pod of each kind.
fn node() -> TestHost {
    let host = TestHost::new();
    host.process(60, "app", &format!("{}/cri-containerd-{}.scope", slice(UID), id("4f2a")));
    host.process(61, "pause", &format!("{}/cri-containerd-{}.scope", slice(UID), id("4f2b")));
    host.process(62, "etcd", &format!("/kubepods/pod{HASH}/{}", id("4f2c")));
    host
}

fn logs(host: &TestHost, pod: &str) {
    fs::create_dir_all(host.host.root.join("var/log/pods").join(pod)).unwrap();
}

#[test]
fn a_uid_in_every_form() {
    let host = node();
    let found = ask(&host, &format!("pod:{UID}")).unwrap();
    assert_eq!(found.path, slice(UID));
    let pids: Vec<u32> = found.processes.iter().map(|process| process.pid).collect();
    assert_eq!(pids, [60, 61], "all its containers");
    assert_eq!(ask(&host, &format!("pod:{HASH}")).unwrap().path, format!("/kubepods/pod{HASH}"));
    assert_eq!(ask(&host, &format!("pod:{}", UID.replace('-', ""))).unwrap().path, slice(UID));
    let error = ask(&host, &format!("pod:{OTHER}")).unwrap_err();
    assert_eq!(
        (error.kind, error.message),
        (Kind::NotFound, format!("no pod of this host has the uid {OTHER}"))
    );
}

#[test]
fn a_uid_that_two_cgroups_have_is_refused() {
    let host = node();
    host.cgroup(&format!("{}/x/kubepods/pod{UID}", slice(UID)));
    assert_eq!(
        ask(&host, &format!("pod:{UID}")).unwrap().path,
        slice(UID),
        "inside itself it is nothing new"
    );
    host.cgroup(&format!("/user.slice/kubepods/pod{UID}"));
    let error = ask(&host, &format!("pod:{UID}")).unwrap_err();
    let hint = format!("name one by its path: cgroup:{} or cgroup:/user.slice/kubepods/pod{UID}", slice(UID));
    assert_eq!((error.kind, error.hint), (Kind::Usage, Some(hint)));
}

#[test]
fn names_from_the_kubelets_logs() {
    let host = node();
    logs(&host, &format!("shop_web-0_{UID}"));
    // An earlier pod of the same name has left its logs.
    logs(&host, &format!("shop_web-0_{OTHER}"));
    logs(&host, &format!("kube-system_etcd-node-1_{HASH}"));
    logs(&host, "not-a-pod");
    assert_eq!(ask(&host, "pod:shop/web-0").unwrap().path, slice(UID));
    assert_eq!(ask(&host, "pod:kube-system/etcd-node-1").unwrap().path, format!("/kubepods/pod{HASH}"));
    host.cgroup(&slice(OTHER));
    says(
        &host,
        "pod:shop/web-0",
        Kind::Usage,
        &format!(
            "2 pods run here as shop/web-0 (one may be about to end; write one of pod:{UID}, pod:{OTHER})"
        ),
    );
}

#[test]
fn names_from_containerd() {
    let host = node();
    let annotations = format!(
        r#"{{"annotations":{{"io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-name":"web-0",
            "io.kubernetes.cri.sandbox-uid":"{UID}"}}}}"#
    );
    let tasks = "run/containerd/io.containerd.runtime.v2.task/k8s.io";
    host.file(&format!("{tasks}/{}/config.json", id("4f2a")), &annotations);
    host.file(&format!("{tasks}/{}/config.json", id("4f2b")), &annotations);
    assert_eq!(ask(&host, "pod:shop/web-0").unwrap().path, slice(UID));
}

#[test]
fn names_from_crio() {
    let host = node();
    host.file(
        &format!("var/lib/containers/storage/overlay-containers/{}/userdata/config.json", id("4f2a")),
        format!(
            r#"{{"annotations":{{"io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.name":"web-0",
                "io.kubernetes.pod.uid":"{UID}"}}}}"#
        ),
    );
    // Logs of a pod that has ended do not keep one from being found elsewhere.
    logs(&host, &format!("shop_web-0_{OTHER}"));
    assert_eq!(ask(&host, "pod:shop/web-0").unwrap().path, slice(UID));
}

#[test]
fn what_is_not_found_says_where_it_was_looked_for() {
    let host = node();
    logs(&host, &format!("shop_web-0_{OTHER}"));
    says(
        &host,
        "pod:shop/web-0",
        Kind::NotFound,
        &format!(
            "the pod shop/web-0 (uid {OTHER}) has no cgroup on this host (it has run here and does not now)"
        ),
    );
    says(
        &host,
        "pod:shop/web-1",
        Kind::NotFound,
        "no pod of this host is shop/web-1 (perhaps pod:shop/web-0; looked at /var/log/pods, \
         /run/containerd/io.containerd.runtime.v2.task, /run/k3s/containerd/io.containerd.runtime.v2.task, \
         /var/lib/containers/storage/overlay-containers, /run/containers/storage/overlay-containers)",
    );
}
