//! Journals that were cut, flipped, rotated, and left by another boot.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::{
    Entry, Journal,
    append::{Append, tests::Disk},
    boot_id, left, old_path, path,
    read::{parse, read, unfinished},
};
use crate::plan::Step;

fn begin(id: &str) -> Entry {
    let step = Step::Egress { netns: 1, index: 2, link: "eth0".into() };
    Entry::Begin { id: id.into(), steps: vec![step], at: "t".into() }
}

fn end(id: &str) -> Entry {
    Entry::End { id: id.into(), at: "t".into() }
}

fn sample(directory: &Path) -> Vec<u8> {
    let mut journal = Journal::start(directory, "0badcafe").unwrap();
    let made = vec![(1, 2), (1, 2)];
    for entry in [begin("a"), begin("b"), Entry::Clsact { made }, end("a")] {
        journal.write(&entry).unwrap();
    }
    fs::read(path(directory)).unwrap()
}

#[test]
fn it_says_what_was_unfinished() {
    let directory = tempfile::tempdir().unwrap();
    sample(directory.path());
    let left = left(directory.path());
    assert_eq!((left.faults, left.clsact), (vec!["b".to_owned()], vec![(1, 2)]));
    assert_eq!((left.another_boot, left.problems), (false, vec![]));
}

#[test]
fn after_a_reboot_nothing_of_it_is_in_the_kernel() {
    let directory = tempfile::tempdir().unwrap();
    sample(directory.path());
    let entries = read(&path(directory.path())).entries;
    let left = unfinished(&entries, "another boot");
    assert!(left.another_boot);
    assert_eq!((left.faults, left.clsact), (vec!["b".to_owned()], vec![]));
    assert!(!unfinished(&entries, &boot_id()).another_boot);
}

#[test]
fn cut_at_any_byte_it_gives_its_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let whole = sample(directory.path());
    let all = parse(&whole).entries;
    assert_eq!(all.len(), 5);
    for cut in 0..whole.len() {
        let text = &whole[..cut];
        let got = parse(text);
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        // The cut may take only the line's end away, which leaves a whole document.
        let complete = lines + usize::from(whole[cut] == b'\n');
        assert_eq!(got.entries, all[..complete], "cut at {cut}");
        let torn = !text.is_empty() && text.last() != Some(&b'\n') && complete == lines;
        let numbers: Vec<usize> = got.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(numbers, if torn { vec![lines + 1] } else { vec![] }, "cut at {cut}");
    }
}

proptest! {
    /// A byte that changes costs its own line; where it was a line's end, or becomes one, at most two.
    #[test]
    fn with_any_byte_flipped_all_other_lines_are_used(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let directory = tempfile::tempdir().unwrap();
        let mut text = sample(directory.path());
        let all = parse(&text).entries;
        let at = at.index(text.len());
        let line = text[..at].iter().filter(|byte| **byte == b'\n').count();
        let was_end = text[at] == b'\n';
        text[at] ^= flip;
        let got = parse(&text);
        let lost = if was_end && line + 1 < all.len() { 2 } else { 1 };
        let expected: Vec<Entry> =
            all.iter().enumerate().filter(|(index, _)| !(line..line + lost).contains(index)).map(|(_, entry)| entry.clone()).collect();
        prop_assert_eq!(&got.entries, &expected);
        prop_assert!(!got.problems.is_empty());
        prop_assert!(got.problems.iter().all(|problem| (line + 1..=line + 2).contains(&problem.line)), "{:?}", got.problems);
    }

    /// However small the disk is: what was accepted is read back, and nothing else.
    #[test]
    fn on_a_full_disk_what_was_accepted_is_read_back(rooms in prop::collection::vec(0_usize..400, 1..12), cut_fails: bool) {
        let mut append = Append::on(Disk { cut_fails, ..Disk::default() });
        let mut accepted = Vec::new();
        for (index, room) in rooms.iter().enumerate() {
            let entry = begin(&format!("drop-{index}"));
            append.disk().room = append.disk().bytes.len() + room;
            if append.line(&entry.seal().unwrap(), true).is_ok() {
                accepted.push(entry);
            }
        }
        append.disk().room = usize::MAX;
        append.line(&end("last").seal().unwrap(), true).unwrap();
        accepted.push(end("last"));
        prop_assert_eq!(parse(&append.disk().bytes).entries, accepted);
    }
}

#[test]
fn the_one_before_is_kept_until_the_next_one_starts() {
    let directory = tempfile::tempdir().unwrap();
    let first = sample(directory.path());
    Journal::start(directory.path(), "0badcafe").unwrap();
    assert_eq!(fs::read(old_path(directory.path())).unwrap(), first);
    let entries = read(&path(directory.path())).entries;
    assert!(matches!(entries.as_slice(), [Entry::Daemon { .. }]), "{entries:?}");
    // A daemon that died between the two leaves only the old one: that is not lost to an empty one.
    fs::rename(path(directory.path()), old_path(directory.path())).unwrap();
    fs::write(old_path(directory.path()), &first).unwrap();
    Journal::start(directory.path(), "0badcafe").unwrap();
    assert_eq!(fs::read(old_path(directory.path())).unwrap(), first);
}

#[test]
fn a_journal_that_cannot_be_read_is_not_an_empty_one() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(path(directory.path())).unwrap();
    let problems = left(directory.path()).problems;
    assert_eq!((problems.len(), problems[0].line), (1, 0));
    assert!(left(&directory.path().join("none")).problems.is_empty());
}

#[test]
fn a_journal_that_was_removed_takes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::start(directory.path(), "0badcafe").unwrap();
    let end = || Entry::End { id: "a".into(), at: "t".into() };
    journal.write(&end()).unwrap();
    fs::remove_file(path(directory.path())).unwrap();
    let error = format!("{:#}", journal.write(&end()).unwrap_err());
    assert!(error.contains("has been removed"), "{error}");
}
