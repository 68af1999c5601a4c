//! Disks that refuse: what cannot be recorded is not done, and to stop needs no disk.

use std::{fs, os::fd::AsRawFd as _};

use super::bench::{Bench, DROP, SHADOW, bench, root};
use crate::{
    api::types::{EndKind, State},
    error::Kind,
    session::{Command, journal},
};

/// The journal's disk is full from now on: what it writes to is /dev/full.
fn fill_journal(bench: &Bench) {
    let path = journal::path(bench.dir.path());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ours = fs::read_dir("/proc/self/fd")
        .unwrap()
        .flatten()
        .find(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path));
    let fd: i32 = ours.unwrap().file_name().to_str().unwrap().parse().unwrap();
    // SAFETY: both are open; the one that is replaced is this test's own journal, and stays one of its engine's.
    assert_eq!(unsafe { libc::dup2(full.as_raw_fd(), fd) }, fd);
}

/// The audit log's head cannot be written from now on.
fn break_audit(bench: &Bench) {
    fs::create_dir(bench.engine.settings.state_dir.join("audit.head.new")).unwrap();
}

fn mend_audit(bench: &Bench) {
    fs::remove_dir(bench.engine.settings.state_dir.join("audit.head.new")).unwrap();
}

#[test]
fn what_cannot_be_journalled_is_not_armed() {
    let mut bench = bench();
    let id = bench.start(DROP).unwrap().id;
    fill_journal(&bench);
    let before = bench.fake.with(|state| (state.steps.clone(), state.rules.len()));
    bench.forget();
    for json in [DROP, SHADOW] {
        let error = bench.start(json).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.message.contains("journal"), "{error}");
        assert!(error.hint.unwrap().contains("nothing is armed that cannot be journalled"));
    }
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    assert_eq!(bench.fake.with(|state| (state.steps.clone(), state.rules.len())), before);
    let failed = bench.audit().into_iter().filter(|line| line["outcome"] == "failed").count();
    assert_eq!(failed, 2, "and the audit log knows that it was not armed");
    let ended = bench.ask(&root(), |reply| Command::Stop(id, reply)).unwrap();
    assert_eq!((ended.state, ended.end), (State::Ended, Some(EndKind::Stopped)));
    assert!(bench.is_untouched());
}

#[test]
fn what_cannot_be_audited_is_not_armed() {
    let mut bench = bench();
    let real = bench.start(DROP).unwrap().id;
    let shadow = bench.start(SHADOW).unwrap().id;
    break_audit(&bench);
    bench.forget();
    for json in [DROP, SHADOW] {
        let error = bench.start(json).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.message.contains("audit log"), "{error}");
    }
    assert_eq!(bench.engine.arm(&shadow, &root()).unwrap_err().kind, Kind::Failed);
    assert_eq!(bench.engine.find(&shadow).unwrap().state, State::Shadow);
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    let ended = bench.ask(&root(), |reply| Command::Stop(real, reply)).unwrap();
    assert_eq!(ended.end, Some(EndKind::Stopped));
    let status = bench.ask(&root(), |reply| Command::Halt("pager".into(), reply)).unwrap();
    assert_eq!(status.halted.unwrap().why, "pager");
    assert!(bench.is_untouched() && bench.fake.with(|state| state.halted));
    mend_audit(&bench);
    bench.ask(&root(), Command::Lift).unwrap();
    bench.start(DROP).unwrap();
}

#[test]
fn a_full_journal_does_not_keep_the_lever_from_working() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    fill_journal(&bench);
    break_audit(&bench);
    bench.ask(&root(), |reply| Command::Halt("pager".into(), reply)).unwrap();
    assert_eq!(bench.end().unwrap().0, EndKind::Halted);
    assert!(bench.is_untouched());
}

/// A halt file that is no file halts all the same, and so does what comes after a new start.
#[test]
fn a_halt_file_that_cannot_be_read_is_a_halt() {
    let mut bench = bench();
    bench.start(DROP).unwrap();
    fs::create_dir(bench.engine.settings.state_dir.join("halted")).unwrap();
    bench.tick();
    assert_eq!(bench.end().unwrap().0, EndKind::Halted);
    assert!(bench.is_untouched() && bench.fake.with(|state| state.halted));
    assert!(bench.ask(&root(), Command::Lift).is_err());
    assert!(bench.start(DROP).unwrap_err().message.contains("HALTED"));
}
