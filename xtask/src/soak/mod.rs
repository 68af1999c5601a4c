//! `cargo xtask soak`: what takes longer than CI allows. Each part has a time limit of its own.

mod fresh;
mod repeat;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::benchmarks;

/// The flags of `cargo xtask soak`.
#[derive(clap::Args)]
pub struct Args {
    /// Run only this part
    #[arg(long, value_name = "NAME")]
    only: Option<Part>,
    /// How often `kills` and `draws` run their tests
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Let `fresh` leave out the guests' kernels: 3 instead of 12 minutes of setup
    #[arg(long)]
    no_kernels: bool,
    /// Also put the results into docs/BENCHMARKS.md
    #[arg(long)]
    write: bool,
}

/// A part of the soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Setup, build and unit tests in a Debian that has git, apt and rustup's stable Rust only
    Fresh,
    /// The daemon killed, 50 times a run: nothing survives it
    Kills,
    /// 100,000 datagrams a run: the rate of all together
    Draws,
    /// A million calls in 1, 8 and 64 threads, in a guest whose kernel has kprobe override
    Calls,
    /// A million short connections: each is seen, evicted or missed, and memory does not grow
    Flows,
}

/// How a part ended.
enum End {
    /// Well; what it found.
    Passed(String),
    /// It cannot run here.
    Skipped(String),
}

/// Runs the verb.
pub fn main(args: &Args) -> Result<ExitCode> {
    ensure!(nix::unistd::geteuid().is_root(), "soak needs root: namespaces, cgroups, programs");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut lines = vec![format!("{}\n", benchmarks::machine()?)];
    for part in Part::value_variants().iter().filter(|part| args.only.is_none_or(|only| only == **part)) {
        let name = format!("{part:?}").to_lowercase();
        println!("\n== {name}");
        let began = Instant::now();
        let result = match part {
            Part::Fresh => fresh::run(args.no_kernels),
            Part::Kills => repeat::kills(args.times),
            Part::Draws => repeat::draws(args.times),
            Part::Calls => repeat::calls(),
            Part::Flows => repeat::flows(),
        };
        let (count, text) = match result {
            Ok(End::Passed(text)) => (&mut passed, format!("ok: {text}")),
            Ok(End::Skipped(why)) => (&mut skipped, format!("skipped: {why}")),
            Err(error) => (&mut failed, format!("FAILED: {error:#}")),
        };
        *count += 1;
        println!("{name}: {text}");
        // Of a failure the first line: the rest is a log.
        let first = text.lines().next().unwrap_or_default();
        lines.push(format!("- {name}, {} s: {first}", began.elapsed().as_secs()));
    }
    println!("\n{}", lines.join("\n"));
    if args.write {
        benchmarks::write("soak", &lines.join("\n"))?;
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
