//! `cargo xtask`: the work on this repository, one module per verb.

mod bench;
mod benchmarks;
mod command;
mod demo;
mod deny;
#[cfg(test)]
mod install_tests;
mod kernel;
mod lint;
mod paths;
mod setup;
mod signals;
mod soak;
mod test;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sets up, tests and checks this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what builds and tests need: packages, the eBPF toolchain, guest kernels
    Setup(setup::Args),
    /// Show the main job on real programs, in a throw-away machine or with --here on this one
    Demo(demo::Args),
    /// The part of `demo` that runs in the guest
    #[command(hide = true)]
    DemoInside(demo::InsideArgs),
    /// Run a command as root in an emulated machine, on a kernel of the test matrix
    Vm(vm::Args),
    /// Run the tests: unit, on this machine, and in guests on every kernel
    Test(test::Args),
    /// Measure what the kernel programs cost on this machine
    Bench(bench::Args),
    /// Run what takes longer than CI allows
    Soak(soak::Args),
    /// Check what no compiler reads: the Vagrantfile, the shell scripts, and whose crates these are
    Lint,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Setup(args) => setup::main(&args),
        Verb::Demo(args) => demo::main(&args),
        Verb::DemoInside(args) => demo::inside(&args),
        Verb::Vm(args) => vm::main(&args),
        Verb::Test(args) => test::main(&args),
        Verb::Bench(args) => bench::main(&args),
        Verb::Soak(args) => soak::main(&args),
        Verb::Lint => lint::main(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
