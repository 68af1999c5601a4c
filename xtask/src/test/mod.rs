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
use crate::kernel::{Kernel, MATRIX, NEWEST, NEWEST_TESTS};
use crate::{lint, setup};

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

    /// What the names of tests on this kernel contain one of; all run if it is empty. Who names a kernel or a test gets
    /// all of it.
    fn filters_on(&self, kernel: &str) -> Vec<String> {
        match &self.filter {
            None if self.kernel.is_none() && kernel == NEWEST => NEWEST_TESTS.map(str::to_owned).to_vec(),
            filter => filter.iter().cloned().collect(),
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// So many guests at a time: each has one CPU, and the machines that this is made for have two.
const GUESTS: usize = 2;

/// The unit tests of which some run in guests as well.
const UNIT_IN_GUESTS: &str = "injector (lib)";

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
    if args.wants(Part::Native) {
        ensure!(nix::unistd::geteuid().is_root(), "native tests need root: run as root, or with --only unit");
        report.add(stage("native", built.of(Kind::Native), |binary| run::native(binary, &built, args)));
    }
    if args.wants(Part::Vm) {
        let names = args.kernel.as_deref().map_or(MATRIX.to_vec(), |name| vec![name]);
        let mut binaries = built.of(Kind::Vm);
        // Unit tests of netlink need netem, which this machine's kernel may lack.
        binaries.extend(built.of(Kind::Unit).into_iter().filter(|binary| binary.name == UNIT_IN_GUESTS));
        let stripped = run::strip(&binaries, &built)?;
        let kernels = names.into_iter().map(Kernel::find).collect::<Result<Vec<_>>>()?;
        let stages = side_by_side::map(&kernels, GUESTS, |kernel| {
            let filters = args.filters_on(&kernel.name);
            stage(&format!("vm {}", kernel.name), binaries.clone(), |binary| {
                run::guest(binary, &stripped, kernel, &filters, args)
            })
        });
        stages.into_iter().for_each(|stage| report.add(stage));
    }
    Ok(if report.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a stage's binaries one after the other. Stages may run side by side, so each line says whose it is.
fn stage(name: &str, binaries: Vec<&Binary>, run: impl Fn(&Binary) -> Result<run::Ran>) -> Stage {
    println!("\n== {name}");
    let started = Instant::now();
    let mut stage = Stage::new(name);
    for binary in binaries {
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
}
