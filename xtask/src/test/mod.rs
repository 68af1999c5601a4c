//! `cargo xtask test`: everything that can be tested, stage by stage, and one verdict.
//!
//! Integration tests of injector-user are sorted by their target's name: `vm_*` run in a guest on every kernel of
//! the matrix, `native_*` as root on this machine, all others with the unit tests. A test that cannot run where
//! it is prints `SKIP name: reason` and passes.

mod build;
mod libtest;
mod report;
mod run;
mod side_by_side;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;

use self::build::{Binary, Kind};
use self::report::{Report, Stage};
use crate::kernel::{Kernel, MATRIX, NEWEST, NEWEST_TESTS, OVERRIDE};
use crate::{lint, setup, signals};

/// The flags of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run only these tests
    #[arg(long)]
    only: Option<Part>,
    /// Run guest tests on this kernel only: a name of the matrix or a path
    #[arg(long)]
    kernel: Option<String>,
    /// End a test binary, or the guest it runs in, after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 2400)]
    timeout: u64,
    /// Run only tests whose name contains this
    filter: Option<String>,
}

/// A part of the tests.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// No root, no eBPF toolchain, no setup
    Unit,
    /// On this machine's kernel, as root
    Native,
    /// In guests
    Vm,
}

impl Args {
    fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    /// The guests that are booted, by their kernels. Real programs are tested in one of their own, or where somebody asks
    /// for some tests by name.
    fn guests<'a>(&self, kernels: &[&'a str]) -> Vec<Guest<'a>> {
        let mut guests = Vec::new();
        for kernel in kernels.iter().copied() {
            let mut filters = self.filters_on(kernel);
            let has = kernel == OVERRIDE;
            if has && self.filter.is_none() {
                filters.extend(["--skip", PROGRAMS].map(str::to_owned));
            }
            guests.push(Guest { kernel, filters, programs: has && self.filter.is_some() });
        }
        if self.filter.is_none() && kernels.contains(&OVERRIDE) {
            guests.push(Guest { kernel: OVERRIDE, filters: vec![PROGRAMS.to_owned()], programs: true });
        }
        guests
    }

    /// What the names of tests on this kernel contain one of; all run if it is empty. Who names a kernel or a test gets
    /// all of it.
    fn filters_on(&self, kernel: &str) -> Vec<String> {
        match &self.filter {
            None if self.kernel.is_none() && kernel == NEWEST => NEWEST_TESTS.map(str::to_owned).to_vec(),
            filter => filter.iter().cloned().collect(),
        }
    }

    /// The same of the unit tests that run in guests: there are those that need more of a kernel than this machine's may
    /// have. Who names a test gets that one.
    fn unit_filters(&self, kernel: &str) -> Vec<String> {
        if let Some(filter) = &self.filter {
            return vec![filter.clone()];
        }
        let netlink = NETLINK.contains(&kernel) || self.kernel.is_some();
        let all = [VERIFIER_TESTS].into_iter().chain(netlink.then_some(NETLINK_TESTS));
        all.map(str::to_owned).collect()
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// What a guest is for.
#[derive(Debug, PartialEq, Eq)]
struct Guest<'a> {
    kernel: &'a str,
    /// Arguments of the test binary.
    filters: Vec<String>,
    /// Whether it has the real programs.
    programs: bool,
}

/// What the names of the tests of real programs begin with.
const PROGRAMS: &str = "programs::";

/// Where a stage runs.
enum Place<'a> {
    Here,
    There(Kernel, Guest<'a>),
}

/// In so many places at a time: each guest has one CPU, the tests on this machine wait most of their time, and the
/// machines that this is made for have two.
const AT_ONCE: usize = 2;

/// The unit tests of which some run in guests as well.
const UNIT_IN_GUESTS: &str = "injector (lib)";

/// In which of them those of netlink: the oldest kernel and the newest one. What netlink says is alike in between.
const NETLINK: [&str; 2] = ["6.1", NEWEST];
/// What their names have in them.
const NETLINK_TESTS: &str = "tests_netem";
/// And those of what the verifier counts, which differs from kernel to kernel.
const VERIFIER_TESTS: &str = "tests_verifier";

/// Runs the verb.
pub fn main(args: &Args) -> Result<ExitCode> {
    if args.only != Some(Part::Unit) {
        setup::install(!args.wants(Part::Vm))?;
    }
    let built = build::build().context("building")?;
    let mut report = Report::new(args.filter.is_none(), args.kernel.is_none() && args.wants(Part::Vm));
    if args.only.is_none() && args.filter.is_none() {
        report.add(checks());
    }
    if args.wants(Part::Unit) {
        report.add(stage("unit", built.of(Kind::Unit), |binary| run::unit(binary, args)));
    }
    let mut places = Vec::new();
    if args.wants(Part::Native) {
        ensure!(nix::unistd::geteuid().is_root(), "native tests need root: run as root, or with --only unit");
        places.push(Place::Here);
    }
    let mut stripped = None;
    let mut binaries = built.of(Kind::Vm);
    // Unit tests of netlink need netem, which this machine's kernel may lack.
    binaries.extend(built.of(Kind::Unit).into_iter().filter(|binary| binary.name == UNIT_IN_GUESTS));
    if args.wants(Part::Vm) {
        let names = args.kernel.as_deref().map_or(MATRIX.to_vec(), |name| vec![name]);
        stripped = Some(run::strip(&binaries, &built)?);
        for guest in args.guests(&names) {
            places.push(Place::There(Kernel::find(guest.kernel)?, guest));
        }
    }
    let stages = side_by_side::map(&places, AT_ONCE, |place| match (place, &stripped) {
        (Place::There(kernel, guest), Some(stripped)) => {
            let binaries = if guest.programs { built.of(Kind::Vm) } else { binaries.clone() };
            let unit = args.unit_filters(guest.kernel);
            let name = if guest.programs { " with programs" } else { "" };
            stage(&format!("vm {}{name}", kernel.name), binaries, |binary| {
                let filters = if binary.kind == Kind::Unit { &unit } else { &guest.filters };
                run::guest(binary, stripped, kernel, filters, guest.programs, args)
            })
        }
        _ => stage("native", built.of(Kind::Native), |binary| run::native(binary, &built, args)),
    });
    stages.into_iter().for_each(|stage| report.add(stage));
    Ok(if report.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a stage's binaries one after the other. Stages may run side by side, so each line says whose it is.
fn stage(name: &str, binaries: Vec<&Binary>, run: impl Fn(&Binary) -> Result<run::Ran>) -> Stage {
    println!("\n== {name}");
    let started = Instant::now();
    let mut stage = Stage::new(name);
    for binary in binaries {
        if signals::interrupted() {
            stage.fail(format!("{}: interrupted before it was started", binary.name));
            continue;
        }
        println!("-- {name}: {}", binary.name);
        let at = Instant::now();
        match run(binary) {
            Ok(ran) => stage.take(binary, ran),
            Err(error) => stage.fail(format!("{}: {error:#}", binary.name)),
        }
        println!("   {name}: {} took {:.1} s", binary.name, at.elapsed().as_secs_f64());
    }
    stage.took = started.elapsed();
    stage
}

/// The checks of `cargo xtask lint` as a stage. Without a setup before it, vagrant may be missing.
fn checks() -> Stage {
    println!("\n== checks");
    let started = Instant::now();
    let mut stage = Stage::new("checks");
    for (name, result) in lint::checks() {
        println!("   {name}: {}", if result.is_ok() { "ok" } else { "FAILED" });
        match result {
            Ok(()) => stage.passed += 1,
            Err(error) => stage.fail(format!("{name}: {error:#}")),
        }
    }
    stage.took = started.elapsed();
    stage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_runs_few_tests_unless_asked_for() {
        let args = |kernel: Option<&str>, filter: Option<&str>| Args {
            only: None,
            kernel: kernel.map(str::to_owned),
            timeout: 1,
            filter: filter.map(str::to_owned),
        };
        assert_eq!(args(None, None).filters_on(NEWEST), NEWEST_TESTS);
        assert!(args(None, None).filters_on("6.1").is_empty());
        assert!(args(Some(NEWEST), None).filters_on(NEWEST).is_empty());
        assert_eq!(args(None, Some("drop")).filters_on(NEWEST), ["drop"]);
    }

    #[test]
    fn each_guest_counts_what_the_verifier_does_and_two_ask_netlink() {
        let args = |kernel: Option<&str>, filter: Option<&str>| Args {
            only: None,
            kernel: kernel.map(str::to_owned),
            timeout: 1,
            filter: filter.map(str::to_owned),
        };
        for kernel in ["6.1", NEWEST] {
            assert_eq!(args(None, None).unit_filters(kernel), [VERIFIER_TESTS, NETLINK_TESTS]);
        }
        assert_eq!(args(None, None).unit_filters("6.12"), [VERIFIER_TESTS]);
        assert_eq!(args(Some("6.12"), None).unit_filters("6.12"), [VERIFIER_TESTS, NETLINK_TESTS]);
        assert_eq!(args(None, Some("drop")).unit_filters("6.1"), ["drop"]);
    }

    #[test]
    fn programs_are_in_one_guest() {
        let guests = |filter: Option<&str>| {
            let args = Args { only: None, kernel: None, timeout: 1, filter: filter.map(str::to_owned) };
            let guests = args.guests(&["6.1", OVERRIDE]);
            guests.into_iter().map(|g| (g.kernel, g.filters.join(" "), g.programs)).collect::<Vec<_>>()
        };
        let has = |kernel, filters: &str, programs| (kernel, filters.to_owned(), programs);
        let all = [
            has("6.1", "", false),
            has(OVERRIDE, "--skip programs::", false),
            has(OVERRIDE, "programs::", true),
        ];
        assert_eq!(guests(None), all);
        assert_eq!(guests(Some("redis")), [has("6.1", "redis", false), has(OVERRIDE, "redis", true)]);
    }
}
