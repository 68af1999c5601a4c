//! The verdict: what each stage did, whether every skip is excused, and the closing line that CI reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::build::Binary;
use super::run::Ran;

/// A test by its binary's name without where it runs, and its own name: a skip in `native_net` is excused
/// by a run of the same test in `vm_net`.
type Test = (String, String);

/// What one stage did.
pub struct Stage {
    name: String,
    /// Tests that passed and did test something.
    pub passed: usize,
    failed: usize,
    skipped: Vec<(Test, String)>,
    ran: BTreeSet<Test>,
    troubles: Vec<String>,
    times: Vec<(String, Duration)>,
    /// How long it took.
    pub took: Duration,
}

impl Stage {
    /// A stage that did nothing yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            passed: 0,
            failed: 0,
            skipped: Vec::new(),
            ran: BTreeSet::new(),
            troubles: Vec::new(),
            times: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Counts something that failed outside any test.
    pub fn fail(&mut self, trouble: String) {
        self.failed += 1;
        self.troubles.push(trouble);
    }

    /// Counts what a binary's tests did.
    pub fn take(&mut self, binary: &Binary, ran: Ran) {
        let group = binary.name.trim_start_matches("native_").trim_start_matches("vm_");
        let test = |name: &String| (group.to_owned(), name.clone());
        let said = ran.said;
        let full_name = |name: String| {
            let end = format!("::{name}");
            said.ran.iter().find(|ran| **ran == name || ran.ends_with(&end)).cloned().unwrap_or(name)
        };
        let skipped: BTreeMap<String, String> =
            said.skipped.iter().map(|(name, reason)| (full_name(name.clone()), reason.clone())).collect();
        self.ran.extend(said.ran.iter().filter(|name| !skipped.contains_key(*name)).map(test));
        self.passed += said.passed.saturating_sub(skipped.len() - said.ignored.min(skipped.len()));
        self.failed += said.failed;
        self.skipped.extend(skipped.iter().map(|(name, reason)| (test(name), reason.clone())));
        self.times.extend(ran.times);
        if let Some(trouble) = ran.trouble {
            let trouble = format!("{}: {trouble}", binary.name);
            // A binary that died has no count of its own.
            if said.failed == 0 { self.fail(trouble) } else { self.troubles.push(trouble) }
        }
    }
}

/// So many of a stage's slowest tests are told, of those that take this long at least.
const SLOWEST: usize = 12;
const SLOW: Duration = Duration::from_secs(5);

impl Stage {
    /// The slowest tests, the slowest one first.
    fn slowest(&self) -> Vec<&(String, Duration)> {
        let mut slow: Vec<_> = self.times.iter().filter(|(_, took)| *took >= SLOW).collect();
        slow.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
        slow.truncate(SLOWEST);
        slow
    }
}

/// All stages.
pub struct Report {
    stages: Vec<Stage>,
    /// Nothing was left out by name: a stage without tests is then a failure.
    unfiltered: bool,
    /// All kernels took part: a test skipped everywhere is then a failure.
    whole_matrix: bool,
}

impl Report {
    /// A report on no stage yet.
    pub fn new(unfiltered: bool, whole_matrix: bool) -> Self {
        Self { stages: Vec::new(), unfiltered, whole_matrix }
    }

    /// Adds a stage that ended.
    pub fn add(&mut self, stage: Stage) {
        self.stages.push(stage);
    }

    /// Prints everything; whether all is well.
    pub fn finish(mut self) -> bool {
        self.judge();
        for stage in &self.stages {
            for trouble in &stage.troubles {
                println!("\n== FAILED in {}: {trouble}", stage.name);
            }
        }
        println!("\n{:<18} {:>7} {:>7} {:>7} {:>9}", "stage", "passed", "failed", "skipped", "time");
        for stage in &self.stages {
            let Stage { name, passed, failed, skipped, took, .. } = stage;
            println!("{name:<18} {passed:>7} {failed:>7} {:>7} {:>7.1} s", skipped.len(), took.as_secs_f64());
        }
        for stage in &self.stages {
            for (test, took) in stage.slowest() {
                println!("slow in {}: {test}: {:.0} s", stage.name, took.as_secs_f64());
            }
        }
        for stage in &self.stages {
            for (test, reason) in &stage.skipped {
                let elsewhere = self.ran_in(test);
                let place = if elsewhere.is_empty() { "nowhere".into() } else { elsewhere.join(", ") };
                println!("skipped in {}: {}::{}: {reason}; ran in: {place}", stage.name, test.0, test.1);
            }
        }
        let sum = |count: fn(&Stage) -> usize| self.stages.iter().map(count).sum::<usize>();
        let (passed, failed) = (sum(|stage| stage.passed), sum(|stage| stage.failed));
        let skipped = sum(|stage| stage.skipped.len());
        println!("\n{passed} passed, {failed} failed, {skipped} skipped");
        failed == 0
    }

    fn ran_in(&self, test: &Test) -> Vec<&str> {
        self.stages.iter().filter(|stage| stage.ran.contains(test)).map(|stage| stage.name.as_str()).collect()
    }

    /// Fails stages that tested nothing and tests that were skipped everywhere.
    fn judge(&mut self) {
        if self.unfiltered || self.stages.iter().all(|stage| stage.passed + stage.failed == 0) {
            for stage in self.stages.iter_mut().filter(|stage| stage.passed + stage.failed == 0) {
                stage.fail("no test ran".into());
            }
        }
        if !self.whole_matrix {
            return;
        }
        let skipped: BTreeSet<Test> =
            self.stages.iter().flat_map(|stage| &stage.skipped).map(|(test, _)| test.clone()).collect();
        for test in skipped.into_iter().filter(|test| self.ran_in(test).is_empty()).collect::<Vec<_>>() {
            let stage =
                self.stages.iter_mut().find(|stage| stage.skipped.iter().any(|(one, _)| *one == test));
            if let Some(stage) = stage {
                stage.fail(format!("{}::{} was skipped everywhere", test.0, test.1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::build::Kind;
    use crate::test::libtest;

    fn stage(name: &str, binary: &str, text: &str) -> Stage {
        let binary = Binary { name: binary.into(), kind: Kind::Vm, path: "/t".into(), directory: "/".into() };
        let mut stage = Stage::new(name);
        stage.take(&binary, Ran { said: libtest::read(text.lines()), trouble: None, times: Vec::new() });
        stage
    }

    const RUN: &str = "test net::a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";
    const SKIP: &str =
        "test net::a ... ok\nSKIP a: no fq\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";

    #[test]
    fn a_skip_is_excused_by_a_run_elsewhere() {
        let mut report = Report::new(false, true);
        report.add(stage("native", "native_net", SKIP));
        report.add(stage("vm 6.1", "vm_net", RUN));
        assert_eq!((report.stages[0].passed, report.stages[0].skipped.len()), (0, 1));
        assert_eq!(report.stages[1].passed, 1);
        assert!(report.finish());
    }

    #[test]
    fn a_skip_everywhere_is_a_failure() {
        let mut report = Report::new(false, true);
        report.add(stage("vm 6.1", "vm_net", SKIP));
        report.add(stage("vm 6.12", "vm_net", SKIP));
        report.add(stage("unit", "lib", RUN));
        assert!(!report.finish());
    }

    #[test]
    fn the_slowest_are_told_and_the_quick_are_not() {
        let took = |seconds| (format!("took {seconds}"), Duration::from_secs(seconds));
        let mut stage = Stage::new("native");
        stage.times = (0..30).map(took).collect();
        let told = stage.slowest();
        assert_eq!((told.len(), told[0], told[SLOWEST - 1]), (SLOWEST, &took(29), &took(18)));
        stage.times = (0..7).map(took).collect();
        assert_eq!(stage.slowest(), [&took(6), &took(5)]);
    }

    #[test]
    fn a_stage_without_tests_is_a_failure() {
        let mut report = Report::new(true, false);
        report.add(stage("unit", "lib", RUN));
        report.add(Stage::new("native"));
        assert!(!report.finish());
    }
}
