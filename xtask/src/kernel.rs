//! The kernels that guests boot: the matrix's, by name, and any other by path.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::paths;

/// The kernels that guest tests run on: all of them on all but [`NEWEST`]. The one that takes longest comes first, for
/// they are booted in this order, two at a time.
pub const MATRIX: [&str; 4] = ["6.1", NEWEST, "6.12", OVERRIDE];

/// The kernel built here, with `CONFIG_BPF_KPROBE_OVERRIDE`.
pub const OVERRIDE: &str = "6.1-override";

/// Debian's newest. In the matrix only [`NEWEST_TESTS`] run on it, which tell whether each fault still works, and what is
/// observed: the whole has to stay within half an hour.
pub const NEWEST: &str = "7.2";

/// Parts of the names of the tests that run on [`NEWEST`].
pub const NEWEST_TESTS: [&str; 9] = [
    "calls::",
    "fault_table::",
    "like_netem::",
    "observe::",
    "deps::",
    "waits::",
    "smoke",
    "a_program_that_loops",
    "the_peer_of_a_connection",
];

/// A kernel that can be booted.
pub struct Kernel {
    /// What messages and `INJECTOR_KERNEL` call it: a name of the matrix, or a file's name.
    pub name: String,
    /// A bzImage or a vmlinux.
    pub image: PathBuf,
    /// The directory that is `lib/modules/VERSION` in the package, if modules came with it.
    pub modules: Option<PathBuf>,
}

impl Kernel {
    /// Its version, as far as the names of its modules' directory or its own tell: 6.12.117+deb12 is (6, 12).
    pub fn version(&self) -> Option<(u32, u32)> {
        let modules = self.modules.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        modules.and_then(version).or_else(|| version(&self.name))
    }

    /// A kernel by its name in the matrix, else by path: an image file, or a directory that kernel
    /// packages were unpacked into.
    pub fn find(name: &str) -> Result<Self> {
        let cached = cached(name)?;
        if cached.is_dir() {
            return Self::at(name, &cached);
        }
        let path = Path::new(name);
        if path.exists() {
            let name =
                path.file_name().map_or_else(|| name.into(), |file| file.to_string_lossy().into_owned());
            return Self::at(&name, path);
        }
        if MATRIX.contains(&name) {
            bail!("kernel {name} is not in the cache yet: run `cargo xtask setup`");
        }
        bail!("no kernel {name}: name one of {}, or the path of one", MATRIX.join(", "));
    }

    fn at(name: &str, path: &Path) -> Result<Self> {
        let path = path.canonicalize().with_context(|| format!("resolving {}", path.display()))?;
        if path.is_file() {
            return Ok(Self { name: name.into(), image: path, modules: None });
        }
        let modules = ["lib/modules", "usr/lib/modules"]
            .iter()
            .filter_map(|dir| fs::read_dir(path.join(dir)).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|dir| dir.join("kernel").is_dir());
        let image = [Some(path.clone()), Some(path.join("boot")), modules.clone()]
            .into_iter()
            .flatten()
            .filter_map(|dir| fs::read_dir(dir).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz")))
            .with_context(|| format!("no vmlinuz in {}", path.display()))?;
        Ok(Self { name: name.into(), image, modules })
    }
}

/// The first two numbers with a dot in between.
fn version(name: &str) -> Option<(u32, u32)> {
    let from = name.find(|letter: char| letter.is_ascii_digit())?;
    let mut numbers = name[from..].split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Where kernels are kept: one directory per name, in it one per version and `current` that names one of them.
pub fn directory() -> Result<PathBuf> {
    Ok(paths::cache()?.join("kernels"))
}

/// The cached kernel of this name, there or not.
pub fn cached(name: &str) -> Result<PathBuf> {
    Ok(directory()?.join(name).join("current"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_boot_and_modules_is_a_kernel() -> Result<()> {
        let dir = tempfile::tempdir()?;
        fs::create_dir_all(dir.path().join("boot"))?;
        fs::create_dir_all(dir.path().join("lib/modules/6.1.0/kernel"))?;
        fs::write(dir.path().join("boot/vmlinuz-6.1.0"), "")?;
        let kernel = Kernel::at("6.1", dir.path())?;
        assert!(kernel.image.ends_with("boot/vmlinuz-6.1.0"));
        assert!(kernel.modules.as_ref().is_some_and(|path| path.ends_with("lib/modules/6.1.0")));
        assert_eq!(Kernel { name: "mine".into(), ..kernel }.version(), Some((6, 1)));
        Ok(())
    }

    #[test]
    fn the_version_is_in_the_name() {
        let names = ["6.1", OVERRIDE, NEWEST, "vmlinuz-6.12.117+deb12-cloud-amd64", "bzImage", "linux-6"];
        let all = [Some((6, 1)), Some((6, 1)), Some((7, 2)), Some((6, 12)), None, None];
        assert_eq!(names.map(version), all);
    }

    #[test]
    fn a_directory_without_an_image_is_refused() -> Result<()> {
        assert!(Kernel::at("x", tempfile::tempdir()?.path()).is_err());
        Ok(())
    }
}
