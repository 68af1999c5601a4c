//! cgroups of the demo's own.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A cgroup, removed with what is in it when dropped.
pub struct Cgroup {
    /// Below the cgroup2 root, as targets are named.
    pub path: String,
    directory: PathBuf,
}

/// The cgroup2 mount: on hybrid hosts not the usual place.
fn root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("reading mountinfo")?;
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 ")).context("no cgroup2 is mounted")?;
    line.split(' ').nth(4).map(PathBuf::from).context("mountinfo without a mount point")
}

impl Cgroup {
    /// Makes one below the root.
    pub fn new(name: &str) -> Result<Self> {
        Self::make(format!("/{name}"), root()?.join(name))
    }

    /// Makes one in this one.
    pub fn child(&self, name: &str) -> Result<Self> {
        Self::make(format!("{}/{name}", self.path), self.directory.join(name))
    }

    fn make(path: String, directory: PathBuf) -> Result<Self> {
        fs::create_dir(&directory).with_context(|| format!("making {}", directory.display()))?;
        Ok(Self { path, directory })
    }

    /// Has a command start in it.
    pub fn hold(&self, command: &mut Command) -> Result<()> {
        let procs: File = OpenOptions::new().write(true).open(self.directory.join("cgroup.procs"))?;
        // SAFETY: write is a plain system call; "0" is the caller.
        unsafe {
            command.pre_exec(move || {
                nix::unistd::write(procs.as_fd(), b"0")?;
                Ok(())
            });
        }
        Ok(())
    }

    /// Removes it; fails if it is still there.
    pub fn remove(&self) -> Result<()> {
        for _ in 0..150 {
            end_members(&self.directory);
            // It can be removed only a moment after its last process has ended.
            if !self.directory.exists() || fs::remove_dir(&self.directory).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        ensure!(!self.directory.exists(), "{} cannot be removed", self.directory.display());
        Ok(())
    }
}

/// Ends what still runs in a cgroup that we made: an nginx worker whose master was killed.
fn end_members(directory: &Path) {
    let members = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("demo: {error:#}");
        }
    }
}
