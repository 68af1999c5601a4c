//! The limits file: what it says, and whom it is believed from.

use crate::error::{Error, Kind};
use crate::limits::file::{load_owned_by, parse};
use crate::limits::{Limits, load};
use crate::spec::{Percent, Span};
use nix::unistd::{Uid, chown, geteuid};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn file(text: &str, mode: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("limits.yaml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

fn read(path: &Path) -> Result<Limits, Error> {
    load_owned_by(path, false, geteuid())
}

#[track_caller]
fn says(path: &Path, message: &str) {
    let error = read(path).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert!(error.hint.is_some());
    assert_eq!(error.message, message);
}

#[test]
fn every_key() {
    let text = "# of the platform team\nmax_ttl: 10m\nmax_percent: 2.5\nmax_delay: 500ms\nmax_faults: 16\n\
                protect:\n  - cgroup:/db\n  - unit:etcd\n  - port:5432\n  - address:10.0.0.0/8\n";
    let (_directory, path) = file(text, 0o644);
    let limits = read(&path).unwrap();
    assert_eq!(limits.max_ttl, Span::from_secs(600));
    assert_eq!(limits.max_percent, "2.5".parse::<Percent>().unwrap());
    assert_eq!((limits.max_delay, limits.max_faults), (Span::from_millis(500), 16));
    let protect: Vec<String> = limits.protect.iter().map(ToString::to_string).collect();
    assert_eq!(protect, ["cgroup:/db", "unit:etcd.service", "port:5432", "address:10.0.0.0/8"]);
    let json = serde_json::to_string(&limits).unwrap();
    assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), limits);
}

#[test]
fn the_built_in_limits() {
    let limits = Limits::default();
    assert_eq!((limits.max_ttl, limits.max_delay), ("5m".parse().unwrap(), "2s".parse().unwrap()));
    assert_eq!((limits.max_percent, limits.max_faults), ("20".parse().unwrap(), 4));
    assert_eq!(parse("# max_ttl: 1m\n").unwrap(), limits);
    assert_eq!(parse("max_faults: 1").unwrap(), Limits { max_faults: 1, ..limits });
}

#[test]
fn wrong_yaml_says_where() {
    for (text, message, place) in [
        ("max_ttl: 10m\nmax_percnt: 5\n", "unknown field `max_percnt`, expected one of", "line 2, column 1"),
        ("max_percent: 150\n", "150 % is more than all", "line 1, column 14"),
        ("\nmax_ttl: 30\n", "`30` has no unit (write 30us, ", "line 2, column 10"),
        ("max_faults: 1\nmax_faults: 2\n", "duplicate mapping key: max_faults", "line 2, column 1"),
        ("max_faults: -1\n", "", "line 1, column 13"),
        ("protect:\n  - address:10.0.0.1/8\n", "`10.0.0.1/8` has host bits set", "line 2, column 5"),
        (
            "protect: [sshd]\n",
            "`sshd` can't be protected (write cgroup:/PATH, unit:NAME",
            "line 1, column 11",
        ),
        ("protect: ['port:0']\n", "`0` is not a port", "line 1, column 11"),
        ("max_ttl: [\n", "", "line 1, column 1"),
        ("just words\n", "", "line 1, column 1"),
        ("a: 1\n---\nb: 2\n", "unknown field `a`", "line 1, column 1"),
        ("max_faults: 17\n", "max_faults is 17", ""),
        ("max_faults: 0\n", "max_faults is 0", ""),
        ("max_ttl: 0s\n", "max_ttl is 0s: nothing could live", ""),
        ("  \n", "it is empty", ""),
    ] {
        let (_directory, path) = file(text, 0o600);
        let error = read(&path).unwrap_err();
        let start = format!("the limits file {} is wrong: {message}", path.display());
        assert!(error.message.starts_with(&start), "{text:?}: {error}");
        assert!(error.message.contains(place), "{text:?}: {error}");
        assert!(!error.message.contains('\n') && error.hint.is_some(), "{error}");
    }
    let (_directory, path) = file(&"#".repeat(70_000), 0o600);
    says(&path, &format!("the limits file {} is larger than 65536 bytes", path.display()));
}

#[test]
fn only_the_default_may_be_missing() {
    let (_directory, path) = file("", 0o600);
    let missing = path.with_file_name("missing.yaml");
    assert_eq!(load_owned_by(&missing, true, geteuid()).unwrap(), Limits::default());
    let error = load(&missing).unwrap_err();
    assert!(error.message.contains("missing.yaml: No such file"), "{error}");
    symlink(path.with_file_name("nowhere"), &missing).unwrap();
    assert!(load_owned_by(&missing, true, geteuid()).is_err(), "a dangling link is not a missing file");
    let directory = path.with_file_name("directory");
    fs::create_dir(&directory).unwrap();
    assert!(read(&directory).unwrap_err().message.ends_with("is not a file"));
}

#[test]
fn what_others_can_write_is_not_believed() {
    for mode in [0o666, 0o664, 0o602] {
        let (_directory, path) = file("max_faults: 1", mode);
        let shown = path.display();
        says(&path, &format!("{shown} can be written by others than root (mode {mode:04o})"));
    }
    let (directory, path) = file("max_faults: 1", 0o600);
    fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).unwrap();
    let shown = directory.path().display();
    says(&path, &format!("the directory {shown} can be written by others than root (mode 1777)"));
}

#[test]
fn links_are_followed_and_both_ends_are_checked() {
    let (directory, path) = file("max_faults: 1", 0o600);
    let (other, _) = file("", 0o600);
    let link = other.path().join("link.yaml");
    symlink(&path, &link).unwrap();
    assert_eq!(read(&link).unwrap().max_faults, 1);
    fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap();
    assert!(read(&link).unwrap_err().message.contains("(mode 0622)"));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    for end in [directory.path(), other.path()] {
        fs::set_permissions(end, Permissions::from_mode(0o777)).unwrap();
        assert!(read(&link).unwrap_err().message.contains("(mode 0777)"));
        fs::set_permissions(end, Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn what_belongs_to_another_is_not_believed() {
    let (directory, path) = file("max_faults: 1", 0o600);
    if geteuid().is_root() {
        chown(&path, Some(Uid::from_raw(1)), None).unwrap();
        let error = load(&path).unwrap_err();
        assert!(error.message.starts_with(&format!("{} belongs to uid 1", path.display())), "{error}");
        assert!(error.hint.unwrap().ends_with(&format!("chown root {}", path.display())));
        chown(&path, Some(Uid::from_raw(0)), None).unwrap();
        chown(directory.path(), Some(Uid::from_raw(1)), None).unwrap();
        assert!(load(&path).unwrap_err().message.starts_with("the directory "));
    } else {
        assert!(load(&path).unwrap_err().message.contains(" belongs to uid "));
    }
}
