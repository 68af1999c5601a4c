//! `cargo xtask setup`: installs what is missing and says so first; does nothing, quickly, when all is there.

mod guest_kernels;
mod override_kernel;
mod programs;
mod suite;
pub mod toolchain;

use std::fs::{self, File};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use nix::fcntl::{Flock, FlockArg};

use crate::{command, deny, paths};

/// The flags of `cargo xtask setup`.
#[derive(clap::Args)]
pub struct Args {
    /// Only print what is missing; exit with 1 if anything is
    #[arg(long)]
    check: bool,
    /// Leave out the guests' kernels (the one built here takes about eight minutes)
    #[arg(long)]
    no_kernels: bool,
}

/// One thing that may have to be installed.
struct Step {
    /// What is missing and what will be done about it; `None` when nothing is. Looks at files only.
    missing: fn() -> Result<Option<String>>,
    install: fn() -> Result<()>,
    /// Only guests need it.
    guests: bool,
}

/// In the order of their needs.
const STEPS: [Step; 7] = [
    Step { missing: missing_packages, install: install_packages, guests: false },
    Step { missing: toolchain::missing, install: toolchain::install, guests: false },
    Step { missing: toolchain::missing_linker, install: toolchain::install_linker, guests: false },
    Step { missing: deny::missing, install: deny::install, guests: false },
    Step { missing: guest_kernels::missing, install: guest_kernels::install, guests: true },
    Step { missing: programs::missing, install: programs::install, guests: true },
    Step { missing: override_kernel::missing, install: override_kernel::install, guests: true },
];

/// Runs the verb.
pub fn main(args: &Args) -> Result<ExitCode> {
    if args.check {
        let missing = !look(args.no_kernels)?.is_empty();
        return Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    install(args.no_kernels)?;
    Ok(ExitCode::SUCCESS)
}

/// Says what is missing; returns the steps that would change that.
fn look(no_kernels: bool) -> Result<Vec<&'static Step>> {
    let mut steps = Vec::new();
    for step in &STEPS {
        if step.guests && (no_kernels || !guests_supported()) {
            continue;
        }
        if let Some(what) = (step.missing)()? {
            println!("setup: missing: {what}");
            steps.push(step);
        }
    }
    if steps.is_empty() {
        println!("setup: nothing is missing");
    }
    Ok(steps)
}

/// Installs what is missing.
pub fn install(no_kernels: bool) -> Result<()> {
    let steps = look(no_kernels)?;
    if steps.is_empty() {
        return Ok(());
    }
    let _lock = lock()?;
    for step in steps {
        // Looked at again: an earlier step, or another setup that held the lock, may have done it.
        if let Some(what) = (step.missing)()? {
            println!("setup: {what}");
            (step.install)()?;
        }
    }
    println!("setup: done");
    Ok(())
}

/// Whether this distribution's archive has the kernels of the matrix.
fn guests_supported() -> bool {
    distribution().is_ok_and(|name| name == "debian-12")
}

/// `ID-VERSION_ID` of this machine's distribution.
fn distribution() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("reading /etc/os-release")?;
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().trim_matches('"').to_owned()
    };
    Ok(format!("{}-{}", field("ID"), field("VERSION_ID")))
}

fn lock() -> Result<Flock<File>> {
    let directory = paths::cache()?;
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    let file = File::create(directory.join("lock")).context("making the cache's lock")?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, error)| error)
        .context("waiting for another setup")
}

fn provision() -> Command {
    Command::new(paths::repo().join("scripts/provision.sh"))
}

fn missing_packages() -> Result<Option<String>> {
    let missing = command::output(provision().arg("--missing"))?;
    let names: Vec<_> = missing.lines().collect();
    Ok((!names.is_empty()).then(|| format!("packages, to be installed with apt: {}", names.join(" "))))
}

fn install_packages() -> Result<()> {
    let log = paths::logs()?.join("provision.log");
    command::run_logged("packages", &mut provision(), &log)
}
