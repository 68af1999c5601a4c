//! `cargo xtask test`: everything that can be tested, stage by stage, and one verdict.
//!
//! Integration tests of injector-user are sorted by their target's name: `vm_*` run in a guest on every kernel of
//! the matrix, `native_*` as root on this machine, all others with the unit tests. A test that cannot run where
//! it is prints `SKIP name: reason` and passes.

mod build;
mod libtest;
mod report;
mod run;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;

use self::build::{Binary, Kind};
use self::report::{Report, Stage};
use crate::kernel::{Kernel, MATRIX};
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
    #[arg(long, value_name = "SECONDS", default_value_t = 1500)]
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

    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

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
        for name in names {
            let kernel = Kernel::find(name)?;
            report.add(stage(&format!("vm {name}"), binaries.clone(), |binary| {
                run::guest(binary, &stripped, &kernel, args)
            }));
        }
    }
    Ok(if report.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a stage's binaries one after the other.
fn stage(name: &str, binaries: Vec<&Binary>, run: impl Fn(&Binary) -> Result<run::Ran>) -> Stage {
    println!("\n== {name}");
    let started = Instant::now();
    let mut stage = Stage::new(name);
    for binary in binaries {
        println!("-- {}", binary.name);
        let at = Instant::now();
        match run(binary) {
            Ok(ran) => stage.take(binary, ran),
            Err(error) => stage.fail(format!("{}: {error:#}", binary.name)),
        }
        println!("   {} took {:.1} s", binary.name, at.elapsed().as_secs_f64());
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
