//! cargo-deny: who wrote the crates that run as root here, under which terms, and what is known against them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{command, paths};

/// Builds with the Rust that this repository needs.
const VERSION: &str = "0.20.2";

/// The setup step's look.
pub fn missing() -> Result<Option<String>> {
    let what = format!("cargo-deny, version {VERSION} to be built with cargo (some minutes)");
    Ok(paths::cargo_program("cargo-deny")?.is_none().then_some(what))
}

/// Builds it: once and for few seconds of work, so without what makes it fast.
pub fn install() -> Result<()> {
    let build = tempfile::tempdir().context("making a build directory")?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "cargo-deny", "--version", VERSION, "--locked"])
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_TARGET_DIR", build.path());
    command::run_logged("cargo-deny", &mut cargo, &paths::logs()?.join("cargo-deny.log"))
}

/// Bans, licences and sources, by deny.toml and Cargo.lock. Of other targets' crates, too: those that no build here has
/// fetched yet come from the registry.
pub fn crates() -> Result<()> {
    deny(&["bans", "licenses", "sources"])
}

/// Known holes, from the database that is fetched for it; what kept it from being asked, if anything did.
pub fn advisories() -> Result<Option<String>> {
    // Asked for first: a database that cannot be fetched is no finding.
    if let Err(error) = command::output(program()?.args(["fetch", "db"])) {
        let why = format!("{error:#}");
        let line = why.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        return Ok(Some(format!("no advisory database: {}", line.trim())));
    }
    deny(&["advisories", "--disable-fetch"]).map(|()| None)
}

fn deny(what: &[&str]) -> Result<()> {
    command::output(program()?.args(["--locked", "check", "--hide-inclusion-graph"]).args(what)).map(drop)
}

fn program() -> Result<Command> {
    let Some(program): Option<PathBuf> = paths::cargo_program("cargo-deny")? else {
        bail!("no cargo-deny: run `cargo xtask setup`")
    };
    let mut command = Command::new(program);
    command.arg("--color=never").current_dir(paths::repo());
    Ok(command)
}
