//! A cgroup of our own: a test run's socket belongs to the cgroup of whoever asks for the run.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use injector::target::CgroupRoot;

/// Names of our cgroups start with this.
const PREFIX: &str = "inj-bench-";

/// This process is in a cgroup of its own while it lives.
pub struct Place {
    /// Where cgroup2 is mounted.
    pub root: PathBuf,
    /// The cgroup below it, as cgroups are named.
    pub path: String,
    /// Its id, as programs see it.
    pub id: u64,
    /// Where we came from.
    home: PathBuf,
}

impl Place {
    pub fn enter() -> Result<Self> {
        let root = CgroupRoot::find(&fs::read_to_string("/proc/self/mountinfo")?)?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::")).context("not in any cgroup2")?;
        let home = root.join(own.trim_start_matches('/'));
        sweep(&root);
        let path = format!("/{PREFIX}{}", std::process::id());
        let directory = root.join(&path[1..]);
        fs::create_dir(&directory).with_context(|| format!("making {}", directory.display()))?;
        let id = fs::metadata(&directory)?.ino();
        let place = Self { root, path, id, home };
        join(&directory)?;
        Ok(place)
    }
}

/// Removes what a killed run left: a cgroup with processes in it cannot be removed.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_dir(entry.path()).ok();
        }
    }
}

fn join(directory: &Path) -> Result<()> {
    fs::write(directory.join("cgroup.procs"), "0").with_context(|| format!("joining {}", directory.display()))
}

impl Drop for Place {
    fn drop(&mut self) {
        let directory = self.root.join(&self.path[1..]);
        if let Err(error) = join(&self.home).and_then(|()| Ok(fs::remove_dir(&directory)?)) {
            eprintln!("{} is left behind: {error:#}", directory.display());
        }
    }
}
