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

use super::suite;
use crate::{command, kernel};

/// A stock kernel of the matrix.
#[derive(Clone, Copy)]
struct Stock {
    /// Its name in the matrix.
    name: &'static str,
    /// The package that always depends on its newest version. Cloud kernels: a third of the others' size, with all
    /// modules that the tests need.
    package: &'static str,
    /// The suite that has it, where that isn't one of this machine's.
    suite: Option<&'static str>,
    /// How the name of the package with the kernel itself begins.
    image: &'static str,
}

const STOCK: [Stock; 3] = [
    Stock { name: "6.1", package: "linux-image-cloud-amd64", suite: None, image: "linux-image-6.1." },
    Stock { name: "6.12", package: "linux-image-6.12-cloud-amd64", suite: None, image: "linux-image-6.12." },
    // The newest there is: a later 7.x once Debian has one.
    Stock {
        name: kernel::NEWEST,
        package: "linux-image-cloud-amd64",
        suite: Some("sid"),
        image: "linux-image-7.",
    },
];

/// How long a cached kernel counts as the newest.
const FRESH: Duration = Duration::from_secs(7 * 24 * 3600);

/// The setup step's look.
pub fn missing() -> Result<Option<String>> {
    let names: Vec<_> = stale()?.into_iter().map(|stock| stock.name).collect();
    Ok((!names.is_empty()).then(|| format!("guest kernels, to be looked up with apt: {}", names.join(", "))))
}

/// The stock kernels that are not cached, or were last looked for too long ago.
fn stale() -> Result<Vec<Stock>> {
    let mut stale = Vec::new();
    for stock in STOCK {
        let looked = fs::metadata(stamp(stock.name)?).and_then(|facts| facts.modified());
        let fresh =
            looked.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age < FRESH));
        if !fresh || !kernel::cached(stock.name)?.exists() {
            stale.push(stock);
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
    for stock in stale()? {
        let name = stock.name;
        match refresh(&stock) {
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

fn refresh(stock: &Stock) -> Result<()> {
    let name = stock.name;
    let options = stock.suite.map_or(Ok(Vec::new()), suite::read)?;
    let depends = depends(stock.package, &options)?;
    let newest = depends
        .iter()
        .find(|package| package.starts_with(stock.image))
        .with_context(|| format!("{} depends on no {}*", stock.package, stock.image))?;
    let debs = parts(newest, &self::depends(newest, &options)?)
        .iter()
        .map(|part| fetch(part, &options))
        .collect::<Result<Vec<_>>>()?;
    let directory = kernel::directory()?.join(name);
    let last = debs.last().and_then(|deb| deb.file_stem()).context("a package without a name")?;
    let version = last.to_string_lossy().into_owned();
    if !directory.join(&version).is_dir() {
        fs::create_dir_all(&directory)?;
        let stage = tempfile::Builder::new().prefix(".unpacking").tempdir_in(&directory)?;
        let tree = stage.path().join("tree");
        for deb in &debs {
            command::run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&tree))?;
        }
        fs::rename(&tree, directory.join(&version))?;
        println!("  kernel {name}: {version}");
    }
    point(&directory, &version)
}

/// What a package depends on.
fn depends(package: &str, options: &[String]) -> Result<Vec<String>> {
    let text = command::output(Command::new("apt-cache").args(options).args(["depends", package]))?;
    Ok(text.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_owned).collect())
}

/// The packages that hold a kernel: its own, or, since 7.x, the two for which that only stands.
fn parts(image: &str, depends: &[String]) -> Vec<String> {
    let holds = |name: &&String| name.starts_with("linux-binary-") || name.starts_with("linux-modules-");
    let parts: Vec<_> = depends.iter().filter(holds).cloned().collect();
    if parts.is_empty() { vec![image.to_owned()] } else { parts }
}

/// Downloads a package of this machine's suites into the cache unless that version is there; returns its file.
pub fn download(package: &str) -> Result<PathBuf> {
    fetch(package, &[])
}

fn fetch(package: &str, options: &[String]) -> Result<PathBuf> {
    let directory = kernel::directory()?.join("debs");
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    println!("  downloading {package}");
    // As root, apt would download as a user of its own, which cannot write here.
    let mut apt = Command::new("apt-get");
    apt.args(options).args(["-qq", "-o", "APT::Sandbox::User=root", "download", package]);
    apt.current_dir(&directory);
    let mut failed = command::output(&mut apt).err();
    if failed.is_some() && options.is_empty() && update().is_ok() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_in_one_package_or_in_two() {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(parts("linux-image-6.1.0-1", &owned(&["kmod", "linux-base"])), ["linux-image-6.1.0-1"]);
        let needs = owned(&["linux-base-7.2.1", "linux-binary-7.2.1", "linux-modules-7.2.1"]);
        assert_eq!(parts("linux-image-7.2.1", &needs), ["linux-binary-7.2.1", "linux-modules-7.2.1"]);
    }
}
