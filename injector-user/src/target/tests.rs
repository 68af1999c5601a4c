//! Names that are found and names that are not, on hosts that are temporary trees.

use super::testhost::TestHost;
use super::*;
use crate::error::Kind;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The one target that is found.
pub(super) fn ask(host: &TestHost, target: &str) -> Result<Target, crate::error::Error> {
    let mut found = resolve(&host.host, &target.parse().unwrap())?;
    assert_eq!(found.len(), 1);
    Ok(found.remove(0))
}

#[track_caller]
pub(super) fn says(host: &TestHost, target: &str, kind: Kind, message: &str) {
    let error = ask(host, target).unwrap_err();
    assert_eq!((error.kind, error.to_string().as_str()), (kind, message));
}

fn web() -> TestHost {
    let host = TestHost::new();
    host.process(30, "nginx", "/system.slice/nginx.service");
    host.process(7, "nginx", "/system.slice/nginx.service/workers");
    host.process(8, "cron", "/system.slice/cron.service");
    host
}

#[test]
fn the_hybrid_hierarchy_is_found() {
    let host = web();
    assert!(host.host.cgroup.ends_with("sys/fs/cgroup/unified"));
    let error = Host::detect(std::path::Path::new("/nonexistent")).unwrap_err();
    assert!(error.message.starts_with("can't read /nonexistent/proc/self/mountinfo: "), "{error}");
}

#[test]
fn a_target_is_its_subtree() {
    let host = web();
    let by_path = ask(&host, "cgroup:/system.slice/nginx.service").unwrap();
    let by_unit = ask(&host, "unit:nginx").unwrap();
    assert_eq!(by_path.cgroups, by_unit.cgroups);
    assert_eq!(by_unit.path, "/system.slice/nginx.service");
    let ids = [by_unit.path.as_str(), "/system.slice/nginx.service/workers"].map(|path| Cgroup {
        path: path.to_owned(),
        id: fs::metadata(host.host.cgroup.join(&path[1..])).unwrap().ino(),
    });
    assert_eq!(by_unit.cgroups, ids);
    let processes: Vec<(u32, &str)> = by_unit.processes.iter().map(|p| (p.pid, p.comm.as_str())).collect();
    assert_eq!(processes, [(7, "nginx"), (30, "nginx")]);
    assert_eq!(by_unit.processes[0].cgroup, "/system.slice/nginx.service/workers");
    assert!(by_unit.notes.is_empty());
}

#[test]
fn unknown_cgroups_get_near_names() {
    let host = web();
    says(
        &host,
        "cgroup:/system.slice/ngnix.service/workers",
        Kind::NotFound,
        "there is no cgroup /system.slice/ngnix.service/workers \
         (perhaps cgroup:/system.slice/nginx.service)",
    );
    says(
        &host,
        "cgroup:/kubepods",
        Kind::NotFound,
        "there is no cgroup /kubepods (/ has init.scope, system.slice)",
    );
    says(
        &host,
        "cgroup:/init.scope/x",
        Kind::NotFound,
        "there is no cgroup /init.scope/x (/init.scope has no cgroups below it)",
    );
    for n in 0..9 {
        host.cgroup(&format!("/many/{n}"));
    }
    says(
        &host,
        "cgroup:/many/else",
        Kind::NotFound,
        "there is no cgroup /many/else (/many has 0, 1, 2, 3, 4 and 4 more)",
    );
}

#[test]
fn the_root_is_refused() {
    let host = web();
    says(
        &host,
        "cgroup:/",
        Kind::Refused,
        "the root cgroup can't be a target: it holds the whole host \
         (name a cgroup below it, such as cgroup:/system.slice/nginx.service)",
    );
    assert_eq!(ask(&host, "cgroup:/").unwrap_err().limit.as_deref(), Some("protect"));
}

#[test]
fn units_are_unique_names() {
    let host = web();
    says(
        &host,
        "unit:ngix",
        Kind::NotFound,
        "no unit ngix.service has a cgroup on this host (perhaps unit:nginx.service)",
    );
    host.cgroup("/user.slice/cron.service");
    says(
        &host,
        "unit:cron",
        Kind::Usage,
        "2 cgroups are named cron.service (name one by its path: \
         cgroup:/system.slice/cron.service or cgroup:/user.slice/cron.service)",
    );
}

#[test]
fn a_host_without_systemd_says_so() {
    let host = TestHost::new();
    fs::remove_dir_all(host.host.cgroup.join("init.scope")).unwrap();
    says(
        &host,
        "unit:nginx",
        Kind::NotFound,
        "no unit nginx.service has a cgroup on this host \
         (no cgroup of this host is named like a unit (does systemd run here?): use cgroup:/PATH)",
    );
}

#[test]
fn an_empty_target_says_where_the_processes_are() {
    let host = TestHost::new();
    host.cgroup("/app");
    assert_eq!(ask(&host, "cgroup:/app").unwrap().notes, ["no process is in /app now"]);
    host.process(40, "nginx", "/");
    host.process(41, "kthread", "/");
    fs::remove_file(host.host.proc.join("41/exe")).unwrap();
    let notes = ask(&host, "cgroup:/app").unwrap().notes;
    let start = "no process is in /app now; 1 processes of this host are in the root cgroup (0::/)";
    assert!(notes[0].starts_with(start), "{notes:?}");
}

#[test]
fn links_and_what_vanishes_are_left_out() {
    let host = web();
    std::os::unix::fs::symlink("..", host.host.cgroup.join("system.slice/loop")).unwrap();
    let paths: Vec<String> =
        subtree(&host.host, "/system.slice").unwrap().into_iter().map(|cgroup| cgroup.path).collect();
    assert_eq!(
        paths,
        [
            "/system.slice",
            "/system.slice/cron.service",
            "/system.slice/nginx.service",
            "/system.slice/nginx.service/workers"
        ]
    );
    assert_eq!(subtree(&host.host, "/").unwrap()[0].path, "/");
    assert!(subtree(&host.host, "/gone").is_err());
    assert!(pids(&host.host, "/gone").unwrap().is_empty());
    fs::write(host.host.cgroup.join("init.scope/cgroup.procs"), "0\n12\n3\n3\n").unwrap();
    assert_eq!(pids(&host.host, "/init.scope").unwrap(), [3, 12]);
}

#[test]
fn facts_about_processes() {
    let host = web();
    let at = &host.host;
    assert_eq!(pids_of_host(at).unwrap(), [1, 7, 8, 30]);
    assert_eq!(comm(at, 7).as_deref(), Some("nginx"));
    assert_eq!(executable(at, 7).unwrap(), "nginx");
    assert_eq!(cgroup_of(at, 7).as_deref(), Some("/system.slice/nginx.service/workers"));
    let inode = fs::metadata(at.proc.join("7/ns/net")).unwrap().ino();
    assert_eq!(netns_inode(at, 7), Some(inode));
    assert_eq!(
        (comm(at, 99), executable(at, 99).ok(), cgroup_of(at, 99), netns_inode(at, 99)),
        (None, None, None, None)
    );
    fs::write(at.proc.join("7/cgroup"), "0::/gone (deleted)\n").unwrap();
    assert_eq!(cgroup_of(at, 7).as_deref(), Some("/gone"));
}
