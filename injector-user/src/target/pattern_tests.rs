//! Patterns of cgroups' paths, and processes' cgroups.

use super::testhost::TestHost;
use super::tests::{ask, says};
use super::*;
use crate::error::Kind;
use std::fs;

fn apps() -> TestHost {
    let host = TestHost::new();
    host.process(30, "web", "/apps/web-1.service/main");
    host.process(31, "web", "/apps/web-2.service");
    host.process(32, "db", "/apps/db.service/main");
    host
}

fn paths(host: &TestHost, target: &str) -> Vec<String> {
    let found = resolve(&host.host, &target.parse().unwrap()).unwrap();
    found.into_iter().map(|target| target.path).collect()
}

#[test]
fn each_match_is_a_target() {
    let host = apps();
    let found = resolve(&host.host, &"cgroup:/apps/web-?.service".parse().unwrap()).unwrap();
    let facts: Vec<(&str, usize, usize)> = found
        .iter()
        .map(|target| (target.path.as_str(), target.cgroups.len(), target.processes.len()))
        .collect();
    assert_eq!(facts, [("/apps/web-1.service", 2, 1), ("/apps/web-2.service", 1, 1)]);
    let note = "cgroup:/apps/web-?.service is 2 cgroups now: those that come later are not hit";
    assert_eq!((found[0].notes.as_slice(), found[1].notes.len()), (&[note.to_owned()][..], 0));
    assert_eq!(paths(&host, "cgroup:/*/*/main"), ["/apps/db.service/main", "/apps/web-1.service/main"]);
    assert_eq!(paths(&host, "cgroup:/apps/d*"), ["/apps/db.service"]);
}

#[test]
fn a_pattern_stays_in_the_hierarchy() {
    let host = apps();
    std::os::unix::fs::symlink("web-1.service", host.host.cgroup.join("apps/web-9.service")).unwrap();
    assert_eq!(paths(&host, "cgroup:/apps/web-*"), ["/apps/web-1.service", "/apps/web-2.service"]);
}

#[test]
fn a_pattern_that_matches_nothing_is_named() {
    let host = apps();
    says(
        &host,
        "cgroup:/apps/cache-*",
        Kind::NotFound,
        "no cgroup matches /apps/cache-* \
         (nothing is like `cache-*`: /apps has db.service, web-1.service, web-2.service)",
    );
    says(
        &host,
        "cgroup:/nginx*/x",
        Kind::NotFound,
        "no cgroup matches /nginx*/x (nothing is like `nginx*`: / has apps, init.scope)",
    );
    says(
        &host,
        "cgroup:/apps/web-*/x",
        Kind::NotFound,
        "no cgroup matches /apps/web-*/x (nothing is like `x`: what matches before it \
         (/apps/web-1.service, /apps/web-2.service) has main)",
    );
    says(
        &host,
        "cgroup:/init.scope/*",
        Kind::NotFound,
        "no cgroup matches /init.scope/* (nothing is like `*`: /init.scope has no cgroups below it)",
    );
}

#[test]
fn a_process_stands_for_its_cgroup() {
    let host = apps();
    host.process(33, "helper", "/apps/web-2.service/sub");
    let found = ask(&host, "pid:31").unwrap();
    assert_eq!((found.path.as_str(), found.processes.len()), ("/apps/web-2.service", 2));
    let note =
        "the target is all of /apps/web-2.service, where process 31 (web) is now, with 1 other processes";
    assert_eq!(found.notes, [note]);
}

#[test]
fn processes_without_a_cgroup_of_their_own_are_refused() {
    let host = apps();
    host.process(40, "bash", "/");
    says(
        &host,
        "pid:40",
        Kind::Refused,
        "process 40 is in the root cgroup (0::/), which can't be a target: it holds the whole host \
         (start it in a cgroup of its own, such as systemd-run --scope COMMAND, or move it to one)",
    );
    assert_eq!(ask(&host, "pid:40").unwrap_err().limit.as_deref(), Some("protect"));
    fs::write(host.host.proc.join("40/cgroup"), "0::\n").unwrap();
    assert_eq!(ask(&host, "pid:40").unwrap_err().kind, Kind::Refused);
    says(
        &host,
        "pid:99",
        Kind::NotFound,
        "there is no process 99 (it is a number of the host's own, as `ps` shows it outside of containers)",
    );
    for (cgroup, shown) in [("/gone (deleted)", "/gone"), ("/../init.scope", "/../init.scope")] {
        fs::write(host.host.proc.join("31/cgroup"), format!("0::{cgroup}\n")).unwrap();
        let error = ask(&host, "pid:31").unwrap_err();
        assert_eq!(error.message, format!("the cgroup of process 31, {shown}, is not on this host now"));
    }
}
