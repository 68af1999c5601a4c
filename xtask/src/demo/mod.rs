//! `cargo xtask demo`: the main job on real programs, in a throw-away machine or on this one.
//!
//! Both ways run the same code ([`stage`]): in a guest this very program is copied in and called with the hidden
//! verb `demo-inside`.

mod cgroup;
mod check;
mod daemon;
mod kernel_objects;
mod load;
mod netns;
mod probe;
mod process;
mod stage;
mod step;
mod table;
mod text;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use self::stage::Stage;
use crate::kernel::Kernel;
use crate::vm::{self, End, GuestJob, MEMORY};
use crate::{command, paths, setup};

/// The stock kernel that the guest boots.
const KERNEL: &str = "6.12";

/// Where the guest finds its programs.
const GUEST_XTASK: &str = "/vm/xtask";
const GUEST_INJECTOR: &str = "/usr/local/bin/injector";

/// The flags of `cargo xtask demo`.
#[derive(clap::Args)]
pub struct Args {
    /// On this machine instead of a throw-away one, in namespaces and cgroups of its own (root)
    #[arg(long)]
    here: bool,
    /// How long each fault lasts
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(3..=60))]
    seconds: u64,
}

/// The flags of the hidden verb that runs in the guest.
#[derive(clap::Args)]
pub struct InsideArgs {
    /// The program to show.
    #[arg(long)]
    injector: PathBuf,
    /// How long each fault lasts.
    #[arg(long)]
    seconds: u64,
}

/// Runs the verb.
pub fn main(args: &Args) -> Result<ExitCode> {
    let begun = Instant::now();
    let is_root = nix::unistd::geteuid().is_root();
    ensure!(!args.here || is_root, "namespaces and cgroups on this machine need root; leave out --here");
    setup::install(args.here)?;
    let injector = build()?;
    println!("demo: setup and build took {:.1} s", begun.elapsed().as_secs_f64());
    if args.here {
        return Ok(verdict(Stage { injector, seconds: args.seconds, all: false }.run()?));
    }
    guest(&injector, args.seconds)
}

/// Runs the hidden verb.
pub fn inside(args: &InsideArgs) -> Result<ExitCode> {
    Ok(verdict(Stage { injector: args.injector.clone(), seconds: args.seconds, all: true }.run()?))
}

fn verdict(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds the program that is shown, and returns where it is.
fn build() -> Result<PathBuf> {
    println!("demo: building injector");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--package", "injector-user", "--bin", "injector"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(paths::repo());
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo build: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next_back().context("the build made no injector")
}

/// Runs it in a guest, which starts from nothing and is thrown away.
fn guest(injector: &Path, seconds: u64) -> Result<ExitCode> {
    let kernel = Kernel::find(KERNEL)?;
    // A guest's files are memory: they go in without their debug information.
    let stripped = tempfile::tempdir()?;
    let mut files = Vec::new();
    for (program, to) in [(std::env::current_exe()?.as_path(), GUEST_XTASK), (injector, GUEST_INJECTOR)] {
        let copy = stripped.path().join(to.trim_start_matches('/').replace('/', "-"));
        command::output(Command::new("strip").arg("--strip-debug").arg("-o").arg(&copy).arg(program))?;
        files.push((copy, to.to_owned()));
    }
    let seconds = seconds.to_string();
    let words = [GUEST_XTASK, "demo-inside", "--injector", GUEST_INJECTOR, "--seconds", &seconds];
    let job = GuestJob {
        programs: false,
        command: words.map(str::to_owned).to_vec(),
        files,
        env: Vec::new(),
        memory: MEMORY,
        append: String::new(),
        timeout: Duration::from_secs(180) + 6 * Duration::from_secs(seconds.parse()?),
    };
    println!("demo: booting a stock Debian kernel {KERNEL} in QEMU; nothing on this machine is touched");
    let begun = Instant::now();
    let mut said_boot = false;
    let outcome = vm::run(&kernel, &job, |line| {
        if !std::mem::replace(&mut said_boot, true) {
            println!("demo: booted in {:.1} s", begun.elapsed().as_secs_f64());
        }
        println!("{line}");
    })?;
    println!("demo: the guest lived for {:.1} s and is gone", begun.elapsed().as_secs_f64());
    let why = match outcome.end {
        End::Exited(0) => return Ok(ExitCode::SUCCESS),
        End::Exited(_) => return Ok(ExitCode::FAILURE),
        End::TimeLimit => format!("ended by the time limit of {} s", job.timeout.as_secs()),
        End::Died => "the guest died".to_owned(),
        End::NeverStarted => "the guest died before the demo started, twice".to_owned(),
    };
    bail!(
        "{why}; its kernel's messages are in {}:\n{}",
        outcome.console.display(),
        vm::trouble(&outcome.console).join("\n")
    );
}
