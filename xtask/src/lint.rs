//! `cargo xtask lint`: what no compiler reads.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::{command, deny, paths};

/// Shell scripts of this repository.
const SCRIPTS: [&str; 6] = [
    ".ci/run",
    "scripts/install.sh",
    "scripts/provision.sh",
    "tests/guest/init",
    "tests/guest/selftest.sh",
    "xtask/kernels/build-override.sh",
];

/// A check's name and its result.
pub type Check = (&'static str, Result<()>);

/// Runs every check.
pub fn checks() -> Vec<Check> {
    vec![("vagrantfile", vagrantfile()), ("shell-scripts", scripts()), ("crates", deny::crates())]
}

/// Lets vagrant itself judge the Vagrantfile; it needs no virtual machine for that.
fn vagrantfile() -> Result<()> {
    let vagrant = paths::program("vagrant").context("no vagrant: run `cargo xtask setup`")?;
    let home = tempfile::tempdir()?;
    // A home of its own: vagrant writes there, and a person's plugins could change its mind.
    let mut command = Command::new(vagrant);
    command
        .args(["validate", "--ignore-provider"])
        .current_dir(paths::repo())
        .env("VAGRANT_HOME", home.path())
        .env("VAGRANT_DOTFILE_PATH", home.path().join("state"))
        .env("VAGRANT_CHECKPOINT_DISABLE", "1");
    command::output(&mut command).map(drop)
}

fn scripts() -> Result<()> {
    for script in SCRIPTS {
        let path = paths::repo().join(script);
        // The guest's init is for busybox, which understands what dash does.
        let shell = if script == "tests/guest/init" { "sh" } else { "bash" };
        command::output(Command::new(shell).arg("-n").arg(path))?;
    }
    Ok(())
}

/// Runs the verb.
pub fn main() -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for (name, result) in checks() {
        match result {
            Ok(()) => println!("{name}: ok"),
            Err(error) => {
                println!("{name}: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    // Apart: what is known against a crate changes without a change here, and needs the network.
    match deny::advisories() {
        Ok(None) => println!("advisories: ok"),
        Ok(Some(why)) => println!("advisories: skipped: {why}"),
        Err(error) => {
            println!("advisories: {error:#}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
