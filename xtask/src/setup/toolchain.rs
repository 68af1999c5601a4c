//! The compiler and the linker of the eBPF side.
//!
//! The eBPF target has no prebuilt `core`, so its compiler must bring Rust's own source. injector-user's build
//! script looks for one as [`ebpf`] does here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{command, paths};

/// The rustup name of a toolchain made here from Debian's own compiler.
const LINKED: &str = "ebpf";

/// What upstream tests this repository's aya with; its LLVM must not be older than the compiler's.
const LINKER_VERSION: &str = "0.13.0";

/// Where Debian keeps the LLVM that bpf-linker is built against.
const LLVM: &str = "/usr/lib/llvm-22";

/// The rustup toolchain that can build for eBPF: a nightly with rust-src, else the one linked here.
pub fn ebpf() -> Option<String> {
    let home = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| paths::home().ok().map(|home| home.join(".rustup")))?;
    let mut names: Vec<String> = fs::read_dir(home.join("toolchains"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|directory| has_source(directory))
        .filter_map(|directory| Some(directory.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    let nightly = names.iter().find(|name| name.starts_with("nightly"));
    nightly.or_else(|| names.iter().find(|name| *name == LINKED)).cloned()
}

fn has_source(toolchain: &Path) -> bool {
    toolchain.join("lib/rustlib/src/rust/library/core").is_dir()
}

/// The setup step's look.
pub fn missing() -> Result<Option<String>> {
    let what = "an eBPF compiler, to be linked as the rustup toolchain `ebpf` from Debian's rustc-web";
    Ok(ebpf().is_none().then(|| what.into()))
}

/// Links Debian's compiler; elsewhere says what to run.
pub fn install() -> Result<()> {
    if super::distribution()? != "debian-12" || !has_source(Path::new("/usr")) {
        bail!("no toolchain can build for eBPF; run: rustup toolchain install nightly --component rust-src");
    }
    command::run(Command::new("rustup").args(["toolchain", "link", LINKED, "/usr"]))
}

/// The setup step's look.
pub fn missing_linker() -> Result<Option<String>> {
    let there = paths::cargo_program("bpf-linker")?.is_some();
    Ok((!there)
        .then(|| format!("bpf-linker, version {LINKER_VERSION} to be built with cargo (about a minute)")))
}

/// Builds bpf-linker against Debian's LLVM; elsewhere says what to run.
pub fn install_linker() -> Result<()> {
    if !Path::new(LLVM).is_dir() {
        bail!(
            "bpf-linker needs an LLVM that this distribution lacks; its authors' build does not, run: \
             cargo install --locked cargo-binstall && cargo binstall --no-confirm bpf-linker@{LINKER_VERSION}"
        );
    }
    let build = tempfile::tempdir().context("making a build directory")?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "bpf-linker", "--version", LINKER_VERSION, "--locked"])
        .args(["--no-default-features", "--features", "llvm-22"])
        .env("LLVM_PREFIX", LLVM)
        .env("CARGO_TARGET_DIR", build.path());
    command::run_logged("bpf-linker", &mut cargo, &paths::logs()?.join("bpf-linker.log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_known_by_its_source() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(!has_source(dir.path()));
        fs::create_dir_all(dir.path().join("lib/rustlib/src/rust/library/core"))?;
        assert!(has_source(dir.path()));
        Ok(())
    }
}
