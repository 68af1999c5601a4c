//! What `cargo fuzz` runs for minutes, run for a moment: every file of the corpus, and 2,000 inputs made of them.
//! The same inputs in every run: a failure is seen again.

#[path = "../fuzz/src/lib.rs"]
mod bodies;
#[path = "fuzz/mutator.rs"]
mod mutator;

use std::{fs, panic::catch_unwind, path::Path};

use mutator::Mutator;

/// Made inputs per target.
const MADE: usize = 2000;

type Body = fn(&[u8]) -> bool;

/// Name and content of a target's files, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[track_caller]
fn run(body: Body, data: &[u8], what: &str) -> bool {
    catch_unwind(|| body(data)).unwrap_or_else(|_| panic!("{what}: {}", data.escape_ascii()))
}

#[track_caller]
fn fuzz(target: &str, body: Body, words: &[&str]) {
    let corpus = corpus(target);
    let (mut good, mut bad) = (0, 0);
    for (name, data) in &corpus {
        let accepted = run(body, data, name);
        match name.split('-').next() {
            Some("good") => good += 1,
            Some("bad") => bad += 1,
            _ => panic!("{target}/{name}: a name starts with good- or bad-"),
        }
        assert_eq!(accepted, name.starts_with("good-"), "{target}/{name}");
    }
    assert!(good >= 3 && bad >= 3, "{target}: {good} good and {bad} bad examples");
    let seeds: Vec<&[u8]> = corpus.iter().map(|(_, data)| data.as_slice()).collect();
    let mut mutator = Mutator::new(target, words);
    let accepted = (0..MADE)
        .filter(|n| {
            let data = mutator.make(&seeds);
            run(body, &data, &format!("{target}: made input {n}"))
        })
        .count();
    // All the same answer: then the inputs say nothing.
    assert!((1..MADE).contains(&accepted), "{target}: {accepted} of {MADE} accepted");
    println!("{target}: {} files, {MADE} made inputs, {accepted} of them accepted", corpus.len());
}

#[test]
fn spec() {
    fuzz(
        "spec",
        bodies::spec,
        &["cgroup:/", "unit:", "..", "%", "ms", "[::1]:", "/32", "\u{202e}", "EIO", "-", "\0"],
    );
}

#[test]
fn limits() {
    fuzz(
        "limits",
        bodies::limits,
        &["max_ttl", ": ", "- ", "{", "[", "&a ", "*a", "\t", "!!binary ", "...", "0x", "|\n"],
    );
}

#[test]
fn journal() {
    fuzz(
        "journal",
        bodies::journal,
        &["\n", "\"event\":", "\"begin\"", "\"steps\":[", "{", "}", "\\u0000", "\u{feff}"],
    );
}

#[test]
fn api_body() {
    fuzz(
        "api_body",
        bodies::api_body,
        &["\"kind\":", "\"percent\":", "1e999", "null", "\"for\":", "[", "{", "\\ud800", "-0"],
    );
}
