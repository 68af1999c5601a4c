//! Debian's stock kernels for guests: the newest of each series, downloaded through apt (which checks their
//! signatures), unpacked into the cache and never installed.
//!
//! Versions leave the archive at the next upload, so what was fetched is kept, and used when nothing newer can
//! be had.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{command, kernel};

/// Each stock kernel of the matrix and the package that always depends on its newest version. Cloud kernels: a
/// third of the others' size, with all modules that the tests need.
const STOCK: [(&str, &str); 2] =
    [("6.1", "linux-image-cloud-amd64"), ("6.12", "linux-image-6.12-cloud-amd64")];

/// How long a cached kernel counts as the newest.
const FRESH: Duration = Duration::from_secs(7 * 24 * 3600);

/// The setup step's look.
pub fn missing() -> Result<Option<String>> {
    let names: Vec<_> = stale()?.into_iter().map(|(name, _)| name).collect();
    Ok((!names.is_empty()).then(|| format!("guest kernels, to be looked up with apt: {}", names.join(", "))))
}

/// The stock kernels that are not cached, or were last looked for too long ago.
fn stale() -> Result<Vec<(&'static str, &'static str)>> {
    let mut stale = Vec::new();
    for (name, package) in STOCK {
        let looked = fs::metadata(stamp(name)?).and_then(|facts| facts.modified());
        let fresh =
            looked.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age < FRESH));
        if !fresh || !kernel::cached(name)?.exists() {
            stale.push((name, package));
        }
    }
    Ok(stale)
}

fn stamp(name: &str) -> Result<PathBuf> {
    Ok(kernel::directory()?.join(name).join("looked-up"))
}

/// Fetches what is newer than the cache; without a reachable archive the cache has to do.
pub fn install() -> Result<()> {
    if let Err(error) = update() {
        eprintln!("setup: {error:#}");
    }
    for (name, package) in stale()? {
        match refresh(name, package) {
            Ok(()) => {}
            Err(error) if kernel::cached(name)?.exists() => {
                eprintln!("setup: kernel {name}: keeping the cached one: {error:#}");
            }
            Err(error) => return Err(error.context(format!("fetching kernel {name}"))),
        }
        fs::write(stamp(name)?, "")?;
    }
    Ok(())
}

/// Reads the archive's lists anew: old ones may name only versions that are gone. Users keep the lists there are.
fn update() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        command::output(Command::new("apt-get").args(["update", "-qq"]))?;
    }
    Ok(())
}

fn refresh(name: &str, package: &str) -> Result<()> {
    let depends = command::output(Command::new("apt-cache").args(["depends", package]))?;
    let newest = depends
        .lines()
        .find_map(|line| {
            line.trim().strip_prefix("Depends: ").filter(|name| name.starts_with("linux-image-"))
        })
        .with_context(|| format!("apt knows no {package}"))?;
    let deb = download(newest)?;
    let directory = kernel::directory()?.join(name);
    let version = deb.file_stem().context("a package without a name")?.to_string_lossy().into_owned();
    if !directory.join(&version).is_dir() {
        fs::create_dir_all(&directory)?;
        let stage = tempfile::Builder::new().prefix(".unpacking").tempdir_in(&directory)?;
        let tree = stage.path().join("tree");
        command::run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&tree))?;
        fs::rename(&tree, directory.join(&version))?;
        println!("  kernel {name}: {version}");
    }
    point(&directory, &version)
}

/// Downloads a package into the cache unless that version is there; returns its file.
pub fn download(package: &str) -> Result<PathBuf> {
    let directory = kernel::directory()?.join("debs");
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    println!("  downloading {package}");
    // As root, apt would download as a user of its own, which cannot write here.
    let mut apt = Command::new("apt-get");
    apt.args(["-qq", "-o", "APT::Sandbox::User=root", "download", package]).current_dir(&directory);
    let mut failed = command::output(&mut apt).err();
    if failed.is_some() && update().is_ok() {
        failed = command::output(&mut apt).err();
    }
    let newest = fs::read_dir(&directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
        })
        .max_by_key(|path| fs::metadata(path).and_then(|facts| facts.modified()).ok());
    match (newest, failed) {
        (Some(deb), None) => Ok(deb),
        (Some(deb), Some(error)) => {
            eprintln!("setup: using {}: {error:#}", deb.display());
            Ok(deb)
        }
        (None, Some(error)) => Err(error),
        (None, None) => bail!("apt left no file of {package}"),
    }
}

/// Makes `current` name this version, and drops the other unpacked ones: their packages are kept.
pub fn point(directory: &Path, version: &str) -> Result<()> {
    ensure!(directory.join(version).is_dir(), "{version} was not unpacked");
    let link = directory.join(".next");
    fs::remove_file(&link).ok();
    std::os::unix::fs::symlink(version, &link)?;
    fs::rename(&link, directory.join("current")).context("pointing at the newest kernel")?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != version {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
