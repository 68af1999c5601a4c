//! Logs that were written, rotated, torn, cut and tampered with.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
};

use proptest::prelude::*;

use super::{journald::Journald, *};
use crate::{error::Error, limits::Identity, session::Who, spec::FaultSpec};

fn alice() -> Who {
    Who { identity: Identity { uid: 0, gids: vec![0], login: Some(60_123) }, pid: 7 }
}

fn open(dir: &Path) -> Audit {
    Audit::with(dir, "web-14", MOST, Journald::at(&dir.join("nobody"))).unwrap()
}

fn arm(id: &str) -> Decision {
    Decision::allowed(Action::Arm, &alice()).fault(id)
}

fn filled(dir: &Path, n: usize) {
    let mut audit = open(dir);
    for index in 0..n {
        audit.record(&arm(&format!("drop-{index}"))).unwrap();
    }
}

fn lines(dir: &Path) -> Vec<String> {
    fs::read_to_string(files::current(dir)).unwrap().lines().map(str::to_owned).collect()
}

fn rewrite(dir: &Path, lines: &[String]) {
    fs::write(files::current(dir), lines.join("\n") + "\n").unwrap();
}

/// (line, what) of all problems.
fn problems(path: &Path) -> Vec<(usize, String)> {
    verify(path).unwrap().problems.into_iter().map(|finding| (finding.line, finding.what)).collect()
}

#[test]
fn a_line_says_who_what_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let spec = r#"{"kind": "drop", "percent": 5, "targets": ["unit:x"], "hypothesis": "retries help", "ticket": "OPS-7"}"#;
    let spec = FaultSpec::from_json(spec.as_bytes()).unwrap();
    let mut audit = open(dir.path());
    audit.record(&arm("drop-7k3").spec(&spec, "5 % egress loss")).unwrap();
    let error = Error::refused("10m is too long").limit("max_ttl", "10m", "5m");
    audit.record(&Decision::refused(Action::Arm, &alice(), &error)).unwrap();
    audit.record(&Decision::ended("drop-7k3", Actor::daemon(), "its time was over")).unwrap();
    let lines: Vec<serde_json::Value> =
        lines(dir.path()).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second, third] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(
        (&first["seq"], &first["node"], &first["action"]),
        (&1.into(), &"web-14".into(), &"arm".into())
    );
    assert_eq!((&first["who"]["uid"], &first["who"]["login"]), (&0.into(), &60_123.into()));
    assert_eq!((&first["hypothesis"], &first["ticket"]), (&"retries help".into(), &"OPS-7".into()));
    assert_eq!((&first["outcome"], &first["summary"]), (&"allowed".into(), &"5 % egress loss".into()));
    humantime::parse_rfc3339(first["at"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&second["limit"], &second["asked"], &second["allowed"]),
        (&"max_ttl".into(), &"10m".into(), &"5m".into())
    );
    assert_eq!((&second["outcome"], &second["prev"]), (&"refused".into(), &first["hash"]));
    assert_eq!((&third["outcome"], &third["reason"]), (&"ended".into(), &"its time was over".into()));
    let report = verify(dir.path()).unwrap();
    assert!(report.whole(), "{report:?}");
    assert_eq!(
        (report.lines, report.last_seq, &report.last_hash[..]),
        (3, 3, third["hash"].as_str().unwrap())
    );
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(files::current(dir.path())), mode(dir.path().join("audit.head"))), (0o600, 0o600));
}

#[test]
fn a_long_text_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).record(&arm("x").reason(&"\u{e9}".repeat(100_000))).unwrap();
    assert!(lines(dir.path())[0].len() < 4_000);
    assert!(verify(dir.path()).unwrap().whole());
}

#[test]
fn a_changed_removed_inserted_or_moved_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    let good = lines(dir.path());
    let check = |change: &dyn Fn(&mut Vec<String>), expected: &[(usize, &str)]| {
        let mut lines = good.clone();
        change(&mut lines);
        rewrite(dir.path(), &lines);
        let found = problems(dir.path());
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((line, what), (at, says)) in found.iter().zip(expected) {
            assert!(line == at && what.contains(says), "{found:?}");
        }
    };
    check(&|_| {}, &[]);
    check(&|lines| lines[1] = lines[1].replace("drop-1", "drop-9"), &[(2, "changed")]);
    check(&|lines| lines[1] = lines[1].replace("\"seq\":2", "\"seq\":7"), &[(2, "changed")]);
    check(&|lines| lines[1] = lines[1].replace(",\"", ", \""), &[(2, "changed")]);
    check(&|lines| lines[4] = lines[4].replace("drop-4", "drop-9"), &[(5, "changed")]);
    check(&|lines| lines[2] = "?".into(), &[(3, "not a line")]);
    check(&|lines| drop(lines.remove(2)), &[(3, "number 3 is missing")]);
    check(&|lines| drop(lines.drain(0..2)), &[(1, "numbers 1 to 2 are missing")]);
    check(&|lines| lines.insert(3, lines[0].clone()), &[(4, "inserted")]);
    check(&|lines| lines.swap(1, 2), &[(2, "number 2 is missing"), (3, "moved")]);
    // A line made anew with the right number and a hash of its own: the next one does not know it.
    let (forged, _) =
        line::seal(3, &line::unseal(good[1].as_bytes()).unwrap().hash, "t", "n", &arm("z")).unwrap();
    check(&|lines| lines[2] = forged.clone(), &[(4, "replaced")]);
    // The chain alone cannot tell the next three; the head does.
    check(&|lines| lines.truncate(3), &[(0, "cut off")]);
    check(&|lines| lines.clear(), &[(0, "cut off")]);
    let (forged, _) =
        line::seal(5, &line::unseal(good[3].as_bytes()).unwrap().hash, "t", "n", &arm("z")).unwrap();
    check(&|lines| lines[4] = forged.clone(), &[(0, "replaced")]);
    rewrite(dir.path(), &good);
    fs::remove_file(dir.path().join("audit.head")).unwrap();
    assert!(problems(dir.path())[0].1.contains("missing"));
}

proptest! {
    #[test]
    fn no_flipped_byte_is_missed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 3);
        let mut text = fs::read(files::current(dir.path())).unwrap();
        let at = at.index(text.len());
        text[at] ^= flip;
        fs::write(files::current(dir.path()), &text).unwrap();
        prop_assert_eq!(verify(dir.path()).unwrap().whole(), false, "{} at {} of {}", flip, at, text.len());
    }

    #[test]
    fn no_cut_line_is_missed(at in any::<prop::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 3);
        let text = fs::read(files::current(dir.path())).unwrap();
        let at = at.index(text.len() - 1);
        fs::write(files::current(dir.path()), &text[..at]).unwrap();
        prop_assert!(!verify(dir.path()).unwrap().whole());
        // Nor is it afterwards, when the daemon has gone on.
        filled(dir.path(), 1);
        prop_assert!(!verify(dir.path()).unwrap().whole());
    }
}

#[test]
fn the_chain_goes_on_over_files_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..40 {
        let mut audit =
            Audit::with(dir.path(), "n", 2_000, Journald::at(&dir.path().join("nobody"))).unwrap();
        assert!(audit.found().is_empty(), "{:?}", audit.found());
        audit.record(&arm(&format!("drop-{round}"))).unwrap();
        assert!(verify(dir.path()).unwrap().whole());
    }
    let all = files::all(dir.path());
    assert_eq!(all.len(), 5, "the oldest go: {all:?}");
    assert!(all.iter().all(|path| fs::metadata(path).unwrap().len() <= 2_000));
    let report = verify(dir.path()).unwrap();
    assert!(report.lines < 40 && report.last_seq == 40, "{report:?}");
    assert!(last_lines(dir.path(), 7).unwrap()[0].contains("drop-33"));
    assert_eq!(last_lines(dir.path(), 1_000).unwrap().len() as u64, report.lines);
    // A file alone is whole, and a log that lost one is not.
    assert!(verify(&files::old(dir.path(), 2)).unwrap().whole());
    fs::remove_file(files::old(dir.path(), 2)).unwrap();
    assert!(problems(dir.path())[0].1.contains("missing before it"));
    fs::remove_file(files::old(dir.path(), 3)).unwrap();
    fs::remove_file(files::old(dir.path(), 4)).unwrap();
    assert!(problems(dir.path())[0].1.contains("missing before it"), "the oldest were not rotated away");
}

#[test]
fn a_rotation_that_was_done_is_not_done_twice() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 2);
    files::rotate(dir.path()).unwrap();
    files::rotate(dir.path()).unwrap();
    assert_eq!(files::all(dir.path()), [files::old(dir.path(), 1)]);
    filled(dir.path(), 1);
    assert_eq!(verify(dir.path()).unwrap().last_seq, 3);
    assert!(verify(dir.path()).unwrap().whole());
}

#[test]
fn a_line_that_a_crash_tore_is_kept_and_closed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 2);
    let mut file = OpenOptions::new().append(true).open(files::current(dir.path())).unwrap();
    file.write_all(br#"{"seq":3,"at":"2026-"#).unwrap();
    assert!(!verify(dir.path()).unwrap().whole());
    let mut audit = open(dir.path());
    assert!(audit.found()[0].contains("20 bytes after line 2"), "{:?}", audit.found());
    audit.record(&arm("next")).unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.whole(), "{report:?}");
    assert_eq!((report.notes[0].line, report.last_seq), (3, 4));
    let lines = lines(dir.path());
    assert_eq!(lines[2], r#"{"seq":3,"at":"2026-"#);
    assert!(lines[3].contains(r#""action":"torn""#));
    // Once closed it is under the chain as well.
    rewrite(dir.path(), &[&lines[..2], &["{}".to_owned()], &lines[3..]].concat());
    assert_eq!(problems(dir.path())[0].0, 3);
    rewrite(dir.path(), &[&lines[..2], &lines[3..]].concat());
    assert!(verify(dir.path()).unwrap().whole(), "bytes that were no line are nobody's loss");
}

#[test]
fn a_crash_between_a_line_and_its_head_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 2);
    let head = fs::read(dir.path().join("audit.head")).unwrap();
    filled(dir.path(), 1);
    fs::write(dir.path().join("audit.head"), head).unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.whole() && report.notes[0].what.contains("crash"), "{report:?}");
    assert!(open(dir.path()).found().is_empty());
    filled(dir.path(), 1);
    let report = verify(dir.path()).unwrap();
    assert!(report.whole() && report.notes.is_empty() && report.last_seq == 4, "{report:?}");
}

#[test]
fn what_was_cut_off_is_missed_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 4);
    let lines = lines(dir.path());
    rewrite(dir.path(), &lines[..2]);
    assert!(open(dir.path()).found()[0].contains("ends with line 2"));
    filled(dir.path(), 3);
    let found = problems(dir.path());
    assert!(found[0].1.contains("numbers 3 to 4 are missing"), "{found:?}");
}

#[test]
fn what_cannot_be_written_is_an_error_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut audit = open(dir.path());
    audit.record(&arm("a")).unwrap();
    // The head cannot be replaced: a directory is in its way.
    fs::create_dir(dir.path().join("audit.head.new")).unwrap();
    let error = audit.record(&arm("b")).unwrap_err();
    assert!(error.message.contains("can't be kept"), "{error}");
    fs::remove_dir(dir.path().join("audit.head.new")).unwrap();
    audit.record(&arm("c")).unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.whole() && report.last_seq == 2, "{report:?}");
    assert!(!lines(dir.path()).concat().contains("\"b\""));
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(Audit::open(&file.join("x"), "n").is_err());
}

#[test]
fn journald_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("journal")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut audit = open(dir.path()).journald(&dir.path().join("journal"));
    audit.record(&arm("drop-7k3").reason("two\nlines")).unwrap();
    let mut buffer = [0; 8_192];
    let length = socket.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let hash = verify(dir.path()).unwrap().last_hash;
    for line in [
        "SYSLOG_IDENTIFIER=injector",
        "PRIORITY=6",
        "INJECTOR_ACTION=arm",
        "INJECTOR_FAULT=drop-7k3",
        "INJECTOR_WHO_LOGIN=60123",
        &format!("INJECTOR_HASH={hash}"),
    ] {
        assert!(text.lines().any(|there| there == line), "{line} in {text}");
    }
    assert!(text.contains("INJECTOR_REASON\n\u{9}\0\0\0\0\0\0\0two\nlines\n"), "{text:?}");
    // A journald that does not read keeps nobody waiting.
    for _ in 0..500 {
        audit.record(&Decision { outcome: Outcome::Refused, ..arm("x") }).unwrap();
    }
}
