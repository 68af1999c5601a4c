//! The guest kernel that is built here, because no stock Debian kernel lets a program override return values.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::guest_kernels;
use crate::vm::Key;
use crate::{command, kernel, paths};

/// Debian's source of the oldest kernel supported.
const SOURCE: &str = "linux-source-6.1";

/// Its options and the way it is built: a kernel made from others is built anew.
fn recipe() -> Result<String> {
    let mut key = Key::new();
    for file in ["override.config", "build-override.sh"] {
        let path = paths::repo().join("xtask/kernels").join(file);
        key.text(&fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?);
    }
    Ok(key.to_string())
}

/// The setup step's look. A kernel of an older source version is as good; one with other options is not.
pub fn missing() -> Result<Option<String>> {
    let recipe = recipe()?;
    let current = fs::read_link(kernel::cached(kernel::OVERRIDE)?).unwrap_or_default();
    let there =
        current.to_string_lossy().ends_with(&recipe) && kernel::Kernel::find(kernel::OVERRIDE).is_ok();
    Ok((!there).then(|| format!("kernel {}, to be built from {SOURCE} (about 8 minutes)", kernel::OVERRIDE)))
}

/// Downloads the source and builds; the source's package is dropped again (140 MB), the kernel is kept.
pub fn install() -> Result<()> {
    let deb = guest_kernels::download(SOURCE)?;
    let name = deb.file_stem().context("a package without a name")?.to_string_lossy().into_owned();
    let version = format!("{name}-{}", recipe()?);
    let directory = kernel::directory()?.join(kernel::OVERRIDE);
    fs::create_dir_all(&directory)?;
    let stage = tempfile::Builder::new().prefix(".building").tempdir_in(&directory)?;
    let out = stage.path().join("kernel");
    fs::create_dir(&out)?;
    let kernels = paths::repo().join("xtask/kernels");
    let mut build = Command::new(kernels.join("build-override.sh"));
    build.arg(&deb).arg(kernels.join("override.config")).arg(&out);
    command::run_logged("kernel build", &mut build, &paths::logs()?.join("override-kernel.log"))?;
    if directory.join(&version).exists() {
        fs::remove_dir_all(directory.join(&version))?;
    }
    fs::rename(&out, directory.join(&version))?;
    drop(stage);
    guest_kernels::point(&directory, &version)?;
    fs::remove_file(&deb).with_context(|| format!("removing {}", deb.display()))
}
