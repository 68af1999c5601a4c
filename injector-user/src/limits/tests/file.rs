//! The limits file: what it says, and whom it is believed from.

use crate::error::{Error, Kind};
use crate::limits::file::{load_owned_by, parse};
use crate::limits::{Limits, Loaded, Mode, load};
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

fn loaded(path: &Path) -> Result<Loaded, Error> {
    load_owned_by(path, false, geteuid())
}

fn read(path: &Path) -> Result<Limits, Error> {
    loaded(path).map(|loaded| loaded.limits)
}

#[track_caller]
fn says(path: &Path, message: &str) {
    let error = read(path).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert!(error.hint.is_some());
    assert_eq!(error.message, message);
}

#[test]
fn the_first_keys() {
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
    assert_eq!(limits.mode, Mode::Observe, "nothing is armed unless somebody says so");
    assert_eq!(parse("# max_ttl: 1m\n").unwrap(), limits);
    assert_eq!(parse("max_faults: 1").unwrap(), Limits { max_faults: 1, ..limits });
}

#[test]
fn the_digest_is_of_the_bytes() {
    let (_directory, path) = file("max_faults: 1\n", 0o600);
    let one = loaded(&path).unwrap();
    assert_eq!(one.path, path);
    // printf 'max_faults: 1\n' | sha256sum
    let known = "e0fe4f48985176174ff5df29402d979667b7689ddb1540ca3cd6ec4606c6d558";
    assert_eq!(one.sha256.as_deref(), Some(known));
    fs::write(&path, "max_faults: 1\n# the same\n").unwrap();
    let other = loaded(&path).unwrap();
    assert_eq!(other.limits, one.limits);
    assert_ne!(other.sha256, one.sha256);
}

#[test]
fn what_is_wrong_is_said_with_its_file() {
    let (_directory, path) = file("max_ttl: 10m\nmax_percnt: 5\n", 0o600);
    let error = read(&path).unwrap_err();
    let start = format!("the limits file {} is wrong: unknown field `max_percnt`", path.display());
    assert!(error.message.starts_with(&start) && error.hint.is_some(), "{error}");
    let (_directory, path) = file(&"#".repeat(70_000), 0o600);
    says(&path, &format!("the limits file {} is larger than 65536 bytes", path.display()));
}

#[test]
fn only_the_default_may_be_missing() {
    let (_directory, path) = file("", 0o600);
    let missing = path.with_file_name("missing.yaml");
    let none = load_owned_by(&missing, true, geteuid()).unwrap();
    assert_eq!(none, Loaded { limits: Limits::default(), sha256: None, path: missing.clone() });
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

#[test]
fn a_configuration_that_others_can_change_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("config.yaml"), directory.path().join("link"));
    fs::write(&file, "").unwrap();
    symlink(&file, &link).unwrap();
    let me = geteuid();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let judge = || crate::limits::file::only_owned_by(&link, me);
    mode(&file, 0o644);
    assert!(judge().is_ok());
    assert!(crate::limits::file::only_owned_by(&link, Uid::from_raw(me.as_raw() + 1)).is_err());
    mode(&file, 0o664);
    assert!(judge().unwrap_err().message.contains("written by others"));
    mode(&file, 0o644);
    mode(directory.path(), 0o777);
    assert!(judge().unwrap_err().message.contains("the directory"));
}
