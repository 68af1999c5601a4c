use super::super::container_tests::id;
use super::super::testhost::TestHost;
use super::*;

const TASKS: &str = "run/containerd/io.containerd.runtime.v2.task/k8s.io";

/// As a runtime keeps it: the container `name` of a pod.
fn task(host: &TestHost, start: &str, name: &str, pod: &str, uid: &str) {
    host.file(
        &format!("{TASKS}/{}/config.json", id(start)),
        format!(
            r#"{{"annotations":{{"io.kubernetes.cri.container-name":"{name}",
                "io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-name":"{pod}",
                "io.kubernetes.cri.sandbox-uid":"{uid}"}}}}"#
        ),
    );
}

fn docker(host: &TestHost, start: &str, name: &str) {
    let file = format!("var/lib/docker/containers/{}/config.v2.json", id(start));
    host.file(&file, format!(r#"{{"Name":"/{name}"}}"#));
    // The containerd below it knows it, too.
    host.file(&format!("{TASKS}/../moby/{}/config.json", id(start)), "{}");
}

/// Unit, container, pod and what is inside, as one line.
fn whose(host: &TestHost, path: &str) -> String {
    let Whose { unit, container, pod, inside } = Runtimes::read(&host.host).unwrap().whose(path);
    let container = container.map(|one| one.name.unwrap_or_else(|| one.id[..4].to_owned()));
    let pod = pod.map(|(namespace, name)| format!("{namespace}/{name}"));
    let or = |name: Option<String>| name.unwrap_or_else(|| "-".into());
    format!("{} {} {} {inside}", or(unit), or(container), or(pod)).trim_end().to_owned()
}

#[test]
fn units() {
    let host = TestHost::new();
    for (path, said) in [
        ("/system.slice/nginx.service", "nginx.service - -"),
        ("/system.slice/nginx.service/workers", "nginx.service - -"),
        ("/system.slice/mnt-data.mount", "mnt-data.mount - -"),
        ("/init.scope", "init.scope - -"),
        ("/user.slice/user-7.slice/user@7.service/app.slice/nginx.service", "user@7.service - -"),
        ("/user.slice/user-7.slice/session-3.scope", "session-3.scope - -"),
        ("/user.slice/user-7.slice/user@7.service", "user@7.service - -"),
        // Whoever may make cgroups of its own may call them what it likes.
        ("/system.slice/evil.service/sshd.service", "evil.service - -"),
        ("/system.slice/evil.service/any.slice/sshd.service", "evil.service - -"),
        ("/lxc.payload.web/ssh.service", "- - -"),
        ("/any/sshd.service", "- - -"),
        ("/system.slice", "- - -"),
        ("/", "- - -"),
    ] {
        assert_eq!(whose(&host, path), said, "{path}");
    }
}

#[test]
fn containers_and_pods_of_every_layout() {
    let host = TestHost::new();
    task(&host, "aaaa", "app", "web-0", "0a1b-22");
    docker(&host, "bbbb", "front");
    docker(&host, "cccc", "");
    let pod = "/kubepods.slice/kubepods-pod0a1b_22.slice";
    let [app, none] = ["aaaa", "dddd"].map(|start| format!("{pod}/cri-containerd-{}.scope", id(start)));
    let [front, nameless] = ["bbbb", "cccc"].map(|start| format!("/system.slice/docker-{}.scope", id(start)));
    let three = format!("/kubepods.slice:cri-containerd:{}", id("eeee"));
    task(&host, "eeee", "side", "job-1", "0c0c");
    host.file(&format!("{TASKS}/../default/redis/config.json"), "{}");
    for path in [&app, &none, &front, &nameless, &three, "/default/redis"] {
        host.cgroup(path);
    }
    for (path, said) in [
        (pod, "- - shop/web-0"),
        (&app, "- app shop/web-0"),
        (&format!("{app}/init/deep"), "- app shop/web-0 /init/deep"),
        // The sandbox has no name of its own; the pod has.
        (&none, "- dddd shop/web-0"),
        (&front, "- front -"),
        (&format!("{front}/system.slice/inner.service"), "- front - /system.slice/inner.service"),
        (&nameless, "- cccc -"),
        (&three, "- side shop/job-1"),
        ("/default/redis", "- redis -"),
    ] {
        assert_eq!(whose(&host, path), said, "{path}");
    }
}

#[test]
fn a_pod_is_known_by_its_logs_too() {
    let host = TestHost::new();
    host.cgroup("/kubepods/burstable/pod0a1b-22/inner");
    host.file("var/log/pods/shop_web-0_0a1b-22/app/0.log", "");
    assert_eq!(whose(&host, "/kubepods/burstable/pod0a1b-22"), "- - shop/web-0");
    assert_eq!(whose(&host, "/kubepods/burstable/pod0a1b-22/inner"), "- - shop/web-0 /inner");
}

#[test]
fn nobody_takes_anothers_name() {
    let host = TestHost::new();
    for (start, name) in [("aaaa", "web"), ("bbbb", "db"), ("cccc", "cache")] {
        docker(&host, start, name);
    }
    let at = |start: &str| format!("/docker/{}", id(start));
    let users = format!("/user.slice/user-7.slice/docker-{}.scope", id("aaaa"));
    let inner = format!("{}/docker-{}.scope", at("bbbb"), id("aaaa"));
    for path in [&at("aaaa"), &at("bbbb"), &users, &inner] {
        host.cgroup(path);
    }
    assert_eq!(whose(&host, &at("aaaa")), "- web -", "the twins of others do not take it away");
    assert_eq!(whose(&host, &users), "- aaaa -");
    assert_eq!(whose(&host, &inner), format!("- db - /docker-{}.scope", id("aaaa")));
    // What a container has that only its runtime can tell is its own doing, too, and so are pods inside of one.
    host.file(&format!("{TASKS}/../default/redis/config.json"), "{}");
    host.file("var/log/pods/shop_web-0_0a1b-22/app/0.log", "");
    host.cgroup(&format!("/default/redis/docker-{}.scope", id("aaaa")));
    for path in ["/default/redis/kubepods/pod0a1b-22", &format!("{}/kubepods/pod0a1b-22", at("bbbb"))] {
        host.cgroup(path);
    }
    host.cgroup("/kubepods/pod0a1b-22");
    assert_eq!(whose(&host, &at("aaaa")), "- web -");
    assert_eq!(whose(&host, "/kubepods/pod0a1b-22"), "- - shop/web-0");
    // Of two of which each could be it, none is.
    let twin = format!("/system.slice/evil.service/docker-{}.scope", id("cccc"));
    host.cgroup(&at("cccc"));
    host.cgroup(&twin);
    assert_eq!([whose(&host, &at("cccc")), whose(&host, &twin)], ["- cccc -", "- cccc -"]);
    host.cgroup("/user.slice/kubepods/pod0a1b-22");
    assert_eq!(whose(&host, "/user.slice/kubepods/pod0a1b-22"), "- - -");
    assert_eq!(whose(&host, "/kubepods/pod0a1b-22"), "- - shop/web-0");
    host.cgroup("/system.slice/evil.service/kubepods/pod0a1b-22");
    assert_eq!(whose(&host, "/kubepods/pod0a1b-22"), "- - -");
}

#[test]
fn what_came_since_has_no_name_and_lends_none() {
    let host = TestHost::new();
    let runtimes = Runtimes::read(&host.host).unwrap();
    for form in ["/docker/ID/sshd.service", "/system.slice/docker-ID.scope/system.slice/sshd.service"] {
        let path = form.replace("ID", &id("4f2a"));
        let whose = runtimes.whose(&path);
        let container = ContainerName { id: id("4f2a"), name: None };
        assert_eq!((whose.unit, whose.container), (None, Some(container)), "{path}");
    }
}
