//! `injector audit` on a log that needs no daemon.

use injector::{
    error::Error,
    limits::Identity,
    session::{
        Who,
        audit::{Action, Audit, Decision},
    },
};

use super::{ending, injector};

#[test]
fn a_whole_log_is_said_to_be_and_a_changed_line_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let who = Who { identity: Identity { uid: 60_123, ..Identity::default() }, pid: 7 };
    let audit = Audit::open(directory.path(), "web-14").unwrap();
    let mut audit = audit.journald(&directory.path().join("nobody"));
    let error = Error::refused("10m is too long").limit("max_ttl", "10m", "5m");
    audit.record(&Decision::allowed(Action::Arm, &who).fault("drop-7k3")).unwrap();
    audit.record(&Decision::refused(Action::Arm, &who, &error)).unwrap();

    let output = injector(&["audit", "verify", &path]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.starts_with("2 lines, chain whole, last hash "), "{text}");

    let config = directory.path().join("config.yaml");
    std::fs::write(&config, format!("state_dir: {path}\n")).unwrap();
    let output = injector(&["audit", "show", "-n", "1", "--config", &config.display().to_string()]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        text.contains("  #2  uid 60123  arm refused  10m is too long  (max_ttl: asked 10m, allowed 5m)"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1);

    let file = directory.path().join("audit.ndjson");
    let changed = std::fs::read_to_string(&file).unwrap().replace("drop-7k3", "drop-7k4");
    std::fs::write(&file, changed).unwrap();
    let output = injector(&["audit", "verify", &path]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.contains("audit.ndjson line 1: it was changed"), "{text}");
    let (code, text) = ending(&output);
    assert!(code == 1 && text.contains("broken in 1 place"), "{code} {text}");
    assert_eq!(ending(&injector(&["audit", "verify", "/nowhere/at/all"])).0, 1);
}
