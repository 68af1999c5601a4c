//! Reading what a test binary prints.

use std::time::Duration;

/// What a test binary's output says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The names of all tests that were started, and were not ignored.
    pub ran: Vec<String>,
    /// Tests that passed without testing, with their reasons.
    pub skipped: Vec<(String, String)>,
    /// Tests that libtest says failed.
    pub failed: usize,
    /// Tests that libtest says passed, the skipped ones among them.
    pub passed: usize,
    /// Tests marked `#[ignore]`.
    pub ignored: usize,
    /// Whether the binary came to its end.
    pub complete: bool,
}

/// Whether a line tells progress: all that a person watching wants of a run that goes well. A test that measures
/// prints what it found in a line that begins with `n=`, the number of samples, or with `| `, a row of a table.
pub fn is_progress(line: &str) -> bool {
    (line.starts_with("test ") && line.contains(" ... "))
        || line.starts_with("SKIP ")
        || line.starts_with("n=")
        || line.starts_with("| ")
}

/// Reads the output of a run with `--show-output`, in which a test's own lines stand alone.
pub fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Transcript {
    let mut said = Transcript::default();
    for line in lines {
        if let Some(result) = line.strip_prefix("test result: ") {
            let count = |what: &str| {
                let part = result.split([';', '.']).map(str::trim).find_map(|part| part.strip_suffix(what));
                part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
            };
            said.passed += count("passed");
            said.failed += count("failed");
            said.ignored += count("ignored");
            said.complete = true;
        } else if let Some((name, verdict)) = test_of(line) {
            if verdict.starts_with("ignored") {
                let reason = verdict.split_once(", ").map_or("ignored", |(_, reason)| reason);
                said.skipped.push((name.to_owned(), reason.to_owned()));
            } else {
                said.ran.push(name.to_owned());
            }
        } else if let Some((name, reason)) = line.strip_prefix("SKIP ").and_then(|rest| rest.split_once(": "))
        {
            said.skipped.push((name.to_owned(), reason.to_owned()));
        }
    }
    said
}

/// The test that a line tells of, and what it says of it.
fn test_of(line: &str) -> Option<(&str, &str)> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    // "name - should panic" is how libtest marks those.
    Some((name.split(" - ").next().unwrap_or(name), verdict))
}

/// How long each test of a run took that ran one at a time: from the line before it to its own. `lines` come with the
/// time since the start.
pub fn times<'a>(lines: impl IntoIterator<Item = (Duration, &'a str)>) -> Vec<(String, Duration)> {
    let (mut times, mut from) = (Vec::new(), Duration::ZERO);
    for (at, line) in lines {
        if let Some((name, _)) = test_of(line) {
            times.push((name.to_owned(), at.saturating_sub(from)));
            from = at;
        } else if line.starts_with("running ") {
            from = at;
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_takes_from_the_line_before_it_to_its_own() {
        let at = Duration::from_secs;
        let lines = [
            (at(3), "running 2 tests"),
            (at(5), "test a::b ... ok"),
            (at(6), "n=5 hits"),
            (at(9), "test c - should panic ... ok"),
        ];
        assert_eq!(times(lines), [("a::b".to_owned(), at(2)), ("c".to_owned(), at(4))]);
    }

    #[test]
    fn a_run_is_read() {
        let text = "\nrunning 4 tests\ntest net::drops ... ok\ntest late - should panic ... ok\n\
            test slow ... ignored, takes an hour\ntest bad ... FAILED\n\nsuccesses:\n\n---- net::drops stdout ----\n\
            SKIP net::drops: no fq here: none\n\n\n\
            test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";
        let said = read(text.lines());
        assert_eq!(said.ran, ["net::drops", "late", "bad"]);
        assert_eq!(
            said.skipped,
            [("slow".into(), "takes an hour".into()), ("net::drops".into(), "no fq here: none".into())]
        );
        assert_eq!((said.passed, said.failed, said.ignored, said.complete), (2, 1, 1, true));
    }

    #[test]
    fn what_a_test_found_is_progress() {
        let shown = ["test a ... ok", "SKIP a: none", "n=5 hits: 3", "| drop ip4 egress | victim 0 | ok |"];
        assert!(shown.into_iter().all(is_progress));
        assert!(!["running 2 tests", "INFO armed", "", "dropped | by us"].into_iter().any(is_progress));
    }

    #[test]
    fn a_run_cut_short_is_not_complete() {
        assert!(!read("running 2 tests\ntest a ... ok\ntest b ... ".lines()).complete);
    }
}
