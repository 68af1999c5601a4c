//! `cargo xtask bench`: what the kernel programs cost on this machine's kernel.

mod table;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{benchmarks, command, paths, setup};

/// What a tc program may cost above an empty one while no rule matches, in nanoseconds.
const BOUND: f64 = 40.0;
/// The same for the entry of a call.
const CALL_BOUND: f64 = 60.0;
/// Most times the cost of one rule and few cgroups that many may cost.
const GROWTH: f64 = 1.5;

/// The flags of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Runs of a program in each round
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Rounds, in which all cases take turns; a figure is their median
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit with 1 if a program costs 40 ns or more (at a call 60 ns) above an empty one while no rule matches, or 16 rules or 200 cgroups
    /// cost more than 1.5 times what one rule and few cgroups do
    #[arg(long)]
    check: bool,
    /// Also put the tables into docs/BENCHMARKS.md
    #[arg(long)]
    write: bool,
}

/// Runs the verb.
pub fn main(args: &Args) -> Result<ExitCode> {
    ensure!(nix::unistd::geteuid().is_root(), "bench loads programs: run it as root");
    setup::install(true)?;
    let program = build().context("building the bench program")?;
    let words = [args.repeat.to_string(), args.rounds.to_string()];
    let mut run = Command::new(program);
    run.args(words).stdin(Stdio::null()).stderr(Stdio::inherit());
    command::die_with_us(&mut run);
    let output = run.output().context("starting the bench program")?;
    ensure!(output.status.success(), "the bench program: {}", output.status);
    let mut document: Value = serde_json::from_slice(&output.stdout).context("reading what it printed")?;
    document["machine"] = json!(benchmarks::machine()?);
    let tables = table::markdown(&document);
    println!("\n{tables}");
    if let Some(file) = &args.json {
        fs::write(file, format!("{document:#}\n")).with_context(|| format!("writing {}", file.display()))?;
    }
    if args.write {
        benchmarks::write("bench", &tables)?;
    }
    let mut over = Vec::new();
    for (rows, bound) in [("programs", BOUND), ("calls", CALL_BOUND)] {
        for (name, above) in table::over(&document[rows], bound)? {
            println!("{name}: {above:.1} ns above an empty program, {bound} or more");
            over.push(name);
        }
    }
    let grown = table::growth(&document)?;
    for (name, times) in &grown {
        println!("{name}: {times:.2} times as long as with one rule and few cgroups");
    }
    let grows = grown.iter().any(|(_, times)| *times > GROWTH);
    Ok(if args.check && (grows || !over.is_empty()) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Builds the bench program as releases are built, and returns where it is.
fn build() -> Result<PathBuf> {
    println!("== build");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["bench", "--package", "injector-user", "--bench", "programs", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(paths::repo());
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo bench --no-run: {}", output.status);
    }
    benchmarks::executable(&output.stdout, "programs").context("cargo told of no bench program")
}
