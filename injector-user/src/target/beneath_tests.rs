//! Names that would lead root out of the cgroup hierarchy.

use super::testhost::TestHost;
use super::*;
use nix::fcntl::{OFlag, openat};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, mkdirat};
use proptest::prelude::*;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, symlink};

/// The inode of what was opened.
fn opened(host: &Host, path: &str) -> Option<u64> {
    let fd = open_cgroup(&host.cgroup, path).ok()?;
    Some(fs::metadata(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap().ino())
}

/// None of the three ways in knows `path`.
#[track_caller]
fn refused(host: &Host, path: &str) {
    assert_eq!(opened(host, path), None, "open {path:?}");
    assert!(subtree(host, path).is_err(), "subtree {path:?}");
    assert!(!pids(host, path).is_ok_and(|pids| !pids.is_empty()), "pids {path:?}");
}

#[test]
fn a_cgroup_is_opened_by_its_path() {
    let host = TestHost::new();
    let id = host.cgroup("/app/web");
    assert_eq!(opened(&host.host, "/app/web"), Some(id));
    assert_eq!(opened(&host.host, "app//web/"), Some(id));
    assert_eq!(opened(&host.host, "/"), Some(fs::metadata(&host.host.cgroup).unwrap().ino()));
    let error = open_cgroup(&host.host.cgroup, "/gone").unwrap_err();
    assert!(error.message.starts_with("can't read ") && error.message.contains("/gone: "), "{error}");
}

#[test]
fn a_cgroup_so_deep_that_no_path_leads_there_hides_no_other() {
    let host = TestHost::new();
    host.cgroup("/app/web");
    host.cgroup("/deep");
    let mut at = fs::File::open(host.host.cgroup.join("deep")).unwrap();
    let name = "d".repeat(200);
    for _ in 0..25 {
        mkdirat(&at, name.as_str(), Mode::S_IRWXU).unwrap();
        at = openat(&at, name.as_str(), OFlag::O_DIRECTORY, Mode::empty()).unwrap().into();
    }
    // One whose own path can just be written, and those of its files can not.
    let longest =
        (20..).map(|n| format!("/deep{}", format!("/{name}").repeat(n))).find(|path| path.len() > 3_900);
    let longest = longest.unwrap();
    let last = "l".repeat(4_091 - longest.len());
    let path = format!("{longest}/{last}");
    mkdirat(fs::File::open(&host.host.cgroup).unwrap(), &path[1..], Mode::S_IRWXU).unwrap();
    resolve(&host.host, &"cgroup:/deep".parse().unwrap()).unwrap();
    let all = subtree(&host.host, "/").unwrap();
    assert!(all.iter().any(|one| one.path == path));
    assert_eq!(all[..3].iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["/", "/app", "/app/web"]);
    let deep = all.iter().filter(|one| one.path.starts_with("/deep/")).count();
    assert!((15..25).contains(&deep), "{deep}");
    resolve(&host.host, &"unit:init.scope".parse().unwrap()).unwrap();
}

#[test]
fn links_are_not_followed() {
    let host = TestHost::new();
    host.process(30, "web", "/app/web");
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("web")).unwrap();
    fs::write(outside.path().join("cgroup.procs"), "77\n").unwrap();
    let root = host.host.cgroup.clone();
    // Absolute and out, relative and out, relative and yet inside, and one of the kernel's own.
    symlink(outside.path(), root.join("absolute")).unwrap();
    symlink("../../../..", root.join("up")).unwrap();
    symlink("app", root.join("inside")).unwrap();
    symlink("/proc/self/cwd", root.join("magic")).unwrap();
    for path in ["/absolute", "/absolute/web", "/up", "/up/proc", "/inside", "/inside/web", "/magic"] {
        refused(&host.host, path);
        assert!(resolve(&host.host, &format!("cgroup:{path}").parse().unwrap()).is_err(), "{path}");
    }
    // A link where the list of processes should be.
    let procs = root.join("app/cgroup.procs");
    fs::remove_file(&procs).unwrap();
    symlink(outside.path().join("cgroup.procs"), &procs).unwrap();
    assert!(pids(&host.host, "/app").is_err());
    let paths: Vec<String> = subtree(&host.host, "/").unwrap().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/", "/app", "/app/web", "/init.scope"]);
}

#[test]
fn magic_links_are_not_followed() {
    // Below /proc everything is a link of that kind: it stands for the hierarchy here.
    let me = Host { proc: "/proc".into(), cgroup: "/proc/self".into(), root: "/".into() };
    for path in ["/cwd", "/root", "/root/etc", "/fd/0", "/exe"] {
        refused(&me, path);
    }
    assert!(opened(&me, "/fd").is_some());
}

#[test]
fn the_parent_is_not_a_way() {
    let host = TestHost::new();
    host.cgroup("/app");
    for path in
        ["..", "/..", "/../..", "/app/..", "/app/../init.scope", "../unified/app", "/app/../../../../proc"]
    {
        refused(&host.host, path);
    }
}

#[test]
fn odd_names_are_names() {
    let host = TestHost::new();
    for name in ["a\nb", "...", "a b", "-rf", "$HOME", "ä\u{202e}", "\\x2d", "*"] {
        let id = host.cgroup(&format!("/odd/{name}"));
        assert_eq!(opened(&host.host, &format!("/odd/{name}")), Some(id), "{name:?}");
    }
    assert_eq!(subtree(&host.host, "/odd").unwrap().len(), 9);
    for path in ["/odd/a\0b", &format!("/odd/{}", "x".repeat(300)), &"/odd".repeat(2000)] {
        refused(&host.host, path);
    }
}

#[test]
fn a_mount_below_the_root_is_not_of_the_hierarchy() {
    let host = TestHost::new();
    host.cgroup("/app");
    host.cgroup("/net_cls/other");
    let tree = host.host.clone();
    // A thread's own mount namespace: nothing is seen outside it, and nothing is left.
    let done = std::thread::spawn(move || {
        let none: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        mount(Some("none"), &tree.cgroup.join("net_cls"), Some("tmpfs"), MsFlags::empty(), none)?;
        refused(&tree, "/net_cls");
        let paths: Vec<String> = subtree(&tree, "/").unwrap().into_iter().map(|one| one.path).collect();
        assert_eq!(paths, ["/", "/app", "/init.scope"]);
        Ok::<(), nix::errno::Errno>(())
    });
    if let Err(errno) = done.join().unwrap() {
        println!("SKIP target::beneath_tests::a_mount_below_the_root_is_not_of_the_hierarchy: {errno}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is written: what is opened is one of the cgroups, or nothing.
    #[test]
    fn nothing_else_is_ever_opened(parts in proptest::collection::vec(
        prop_oneof![Just(".."), Just("."), Just(""), Just("app"), Just("web"), Just("up"), Just("proc"), Just("\n")],
        0..8,
    )) {
        let host = TestHost::new();
        let known = [
            fs::metadata(&host.host.cgroup).unwrap().ino(), host.cgroup("/app"), host.cgroup("/app/web"),
        ];
        symlink("../..", host.host.cgroup.join("up")).unwrap();
        symlink("/", host.host.cgroup.join("app/up")).unwrap();
        if let Some(inode) = opened(&host.host, &parts.join("/")) {
            prop_assert!(known.contains(&inode), "{:?}", parts);
        }
    }
}
