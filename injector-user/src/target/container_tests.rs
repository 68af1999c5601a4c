//! Containers in the layouts of all runtimes, by id and by name.

use super::testhost::TestHost;
use super::tests::{ask, says};
use crate::error::Kind;

/// An id that begins with `start`.
pub(super) fn id(start: &str) -> String {
    format!("{start:0<64}")
}

fn path(host: &TestHost, target: &str) -> String {
    ask(host, target).unwrap_or_else(|error| panic!("{target}: {error}")).path
}

#[test]
fn every_layout_by_the_start_of_an_id() {
    for (index, form) in [
        "/system.slice/docker-ID.scope",
        "/docker/ID",
        "/machine.slice/libpod-ID.scope",
        "/libpod_parent/libpod-ID",
        "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
        "/system.slice/web.service/libpod-payload-ID",
        "/kubepods.slice/kubepods-pod0a1b.slice/cri-containerd-ID.scope",
        "/kubepods.slice/kubepods-pod0a1b.slice/crio-ID.scope",
        "/kubepods/burstable/pod0a1b/ID",
        "/kubepods/burstable/pod0a1b/crio-ID",
        "/default/ID",
    ]
    .iter()
    .enumerate()
    {
        let host = TestHost::new();
        let (wanted, other) = (form.replace("ID", &id("4f2a")), form.replace("ID", &id("4f3b")));
        let pid = 100 + u32::try_from(index).unwrap();
        host.process(pid, "app", &format!("{wanted}/inner"));
        host.cgroup(&other);
        let found = ask(&host, "container:4f2a").unwrap();
        assert_eq!((found.path.as_str(), found.processes[0].pid), (wanted.as_str(), pid));
        assert_eq!(path(&host, &format!("container:{}", id("4f3b"))), other);
    }
}

#[test]
fn monitors_and_what_is_inside_are_not_containers() {
    let host = TestHost::new();
    let outer = format!("/machine.slice/libpod-{}.scope", id("4f2a"));
    host.cgroup(&format!("{outer}/libpod-{}", id("4f2a")));
    host.cgroup(&format!("/machine.slice/libpod-conmon-{}.scope", id("4f2a")));
    assert_eq!(path(&host, "container:4f2a"), outer);
    // A container that is a node has containers of its own, with their own ids.
    host.cgroup(&format!("{outer}/kubelet.slice/cri-containerd-{}.scope", id("77aa")));
    assert_eq!(
        path(&host, "container:77aa"),
        format!("{outer}/kubelet.slice/cri-containerd-{}.scope", id("77aa"))
    );
}

#[test]
fn what_could_be_several_is_listed() {
    let host = TestHost::new();
    host.cgroup(&format!("/docker/{}", id("4f2a01")));
    host.cgroup(&format!("/docker/{}", id("4f2a02")));
    host.file(&format!("var/lib/docker/containers/{}/config.v2.json", id("4f2a02")), r#"{"Name":"/web"}"#);
    says(
        &host,
        "container:4f2a",
        Kind::Usage,
        "4f2a could be 2 containers (write one of container:4f2a01000000, container:4f2a02000000 (web))",
    );
    assert_eq!(path(&host, "container:4f2a02"), format!("/docker/{}", id("4f2a02")));
    // Somebody with a cgroup of his own can name one like another's container: neither is taken.
    let twin = format!("/user.slice/docker-{}.scope", id("4f2a02"));
    host.cgroup(&twin);
    let error = ask(&host, &format!("container:{}", id("4f2a02"))).unwrap_err();
    let hint = format!("write one of cgroup:/docker/{}, cgroup:{twin}", id("4f2a02"));
    assert_eq!((error.kind, error.hint), (Kind::Usage, Some(hint)));
    // A name that is the start of another's id is either.
    host.file(&format!("var/lib/docker/containers/{}/config.v2.json", id("4f2a01")), r#"{"Name":"/beef"}"#);
    host.cgroup(&format!("/docker/{}", id("beef")));
    assert_eq!(ask(&host, "container:beef").unwrap_err().message, "beef could be 2 containers");
}

#[test]
fn names_of_docker_podman_and_crio() {
    let host = TestHost::new();
    for start in ["aaaa", "bbbb", "cccc", "dddd"] {
        host.cgroup(&format!("/c/{}", id(start)));
    }
    let at = |start: &str| format!("/c/{}", id(start));
    host.file(
        &format!("var/lib/docker/containers/{}/config.v2.json", id("aaaa")),
        format!(r#"{{"ID":"{}","Name":"/web","State":{{"Running":true}}}}"#, id("aaaa")),
    );
    let storage = "var/lib/containers/storage/overlay-containers";
    host.file(
        &format!("{storage}/containers.json"),
        format!(r#"[{{"id":"{}","names":["db","db2"],"layer":"x"}},{{"id":"{}"}}]"#, id("bbbb"), id("eeee")),
    );
    host.file(
        &format!("{storage}/volatile-containers.json"),
        format!(r#"[{{"id":"{}","names":["k8s_app_web-0_shop_0a1b_0"]}}]"#, id("cccc")),
    );
    host.file(
        "run/containers/storage/overlay-containers/volatile-containers.json",
        format!(r#"[{{"id":"{}","names":["once"]}}]"#, id("dddd")),
    );
    for (name, start) in [
        ("web", "aaaa"),
        ("db", "bbbb"),
        ("db2", "bbbb"),
        ("k8s_app_web-0_shop_0a1b_0", "cccc"),
        ("app", "cccc"),
        ("once", "dddd"),
    ] {
        assert_eq!(path(&host, &format!("container:{name}")), at(start), "{name}");
    }
}

#[test]
fn names_of_containerd() {
    let host = TestHost::new();
    let tasks = "run/containerd/io.containerd.runtime.v2.task";
    let pod = format!("/kubepods/pod0a1b/{}", id("4f2a"));
    host.cgroup(&pod);
    host.file(
        &format!("{tasks}/k8s.io/{}/config.json", id("4f2a")),
        r#"{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.container-name":"app"}}"#,
    );
    // What `ctr run IMAGE redis` makes: the id is the name. One that ended leaves no cgroup.
    host.cgroup("/default/redis");
    host.file(&format!("{tasks}/default/redis/config.json"), "{}");
    host.file(&format!("{tasks}/default/ended/config.json"), "{}");
    assert_eq!(path(&host, "container:app"), pod);
    assert_eq!(path(&host, "container:redis"), "/default/redis");
    let error = ask(&host, "container:ended").unwrap_err();
    assert_eq!(error.message, "the container ended (ended) has no cgroup on this host");
}

#[test]
fn what_is_not_found_says_where_it_was_looked_for() {
    let host = TestHost::new();
    says(
        &host,
        "container:4f2",
        Kind::NotFound,
        "no container of this host is 4f2 (0 containers run here; of an id, write at least 4 digits; \
         besides the cgroups' names, looked at /var/lib/docker/containers, \
         /var/lib/containers/storage/overlay-containers, /run/containers/storage/overlay-containers, \
         /run/containerd/io.containerd.runtime.v2.task, /run/k3s/containerd/io.containerd.runtime.v2.task)",
    );
    host.cgroup(&format!("/docker/{}", id("4f2a")));
    host.file(&format!("var/lib/docker/containers/{}/config.v2.json", id("4f2a")), r#"{"Name":"/frontend"}"#);
    host.file(&format!("var/lib/docker/containers/{}/config.v2.json", id("5f2a")), r#"{"Name":"/backend"}"#);
    let error = ask(&host, "container:fronted").unwrap_err();
    assert!(error.hint.unwrap().starts_with("perhaps container:frontend; besides"));
    says(
        &host,
        "container:backend",
        Kind::NotFound,
        "the container backend (5f2a00000000) has no cgroup on this host \
         (it is known here and does not run, or its runtime uses cgroups of its own: cgroup:/PATH)",
    );
}
