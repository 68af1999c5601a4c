//! Where things are: the repository, build output, and the cache that outlives both.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The repository's root, fixed when xtask was built (cargo rebuilds it when the repository moves).
pub fn repo() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Kernels and prepared guest files, kept outside the repository: `cargo clean` must not cost a kernel build.
pub fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => home()?.join(".cache"),
    };
    Ok(base.join("injector"))
}

/// Logs of builds and guests: beside what cargo builds.
pub fn logs() -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo().join("target"), PathBuf::from);
    let logs = target.join("xtask");
    std::fs::create_dir_all(&logs).with_context(|| format!("making {}", logs.display()))?;
    Ok(logs)
}

/// The invoking user's home directory.
pub fn home() -> Result<PathBuf> {
    env::var_os("HOME").map(PathBuf::from).context("HOME is not set")
}

/// A program by its name: from PATH, or where Debian keeps administrators' programs, which a
/// user's PATH often lacks.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// A program that `cargo install` puts in its own directory, which need not be in PATH.
pub fn cargo_program(name: &str) -> Result<Option<PathBuf>> {
    let cargo_home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => home()?.join(".cargo"),
    };
    let own = cargo_home.join("bin").join(name);
    Ok(program(name).or_else(|| own.is_file().then_some(own)))
}
