//! Network namespaces, held by descriptor: nothing is mounted, and the kernel drops them with their last user.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use nix::sched::{CloneFlags, setns, unshare};

use crate::{command, paths};

/// A namespace.
pub struct Netns {
    /// What the output calls it.
    pub name: &'static str,
    file: File,
}

impl Netns {
    /// Makes one with its loopback up.
    pub fn new(name: &'static str) -> Result<Self> {
        let made = std::thread::spawn(|| -> Result<File> {
            unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
            Ok(File::open("/proc/thread-self/ns/net")?)
        });
        let file = made.join().map_err(|_| anyhow::anyhow!("making a network namespace"))??;
        let netns = Self { name, file };
        netns.run("ip", "link set lo up")?;
        Ok(netns)
    }

    /// A name for it that our children can open.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Has a command run in it.
    pub fn hold(&self, command: &mut Command) -> Result<()> {
        let file = self.file.try_clone()?;
        // SAFETY: setns is a plain system call.
        unsafe { command.pre_exec(move || Ok(setns(&file, CloneFlags::CLONE_NEWNET)?)) };
        Ok(())
    }

    /// Moves the calling thread into it.
    pub fn enter(&self) -> Result<()> {
        setns(&self.file, CloneFlags::CLONE_NEWNET).context("entering a network namespace")
    }

    /// Runs a command in it and returns what it printed.
    pub fn run(&self, program: &str, args: &str) -> Result<String> {
        let path =
            paths::program(program).with_context(|| format!("no {program}: run `cargo xtask setup`"))?;
        let mut command = Command::new(path);
        command.args(args.split_whitespace());
        self.hold(&mut command)?;
        command::output(&mut command)
    }

    /// Runs `f` on a thread in it.
    pub fn within<T: Send>(&self, f: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                f()
            });
            thread.join().map_err(|_| anyhow::anyhow!("a thread in namespace {} failed", self.name))?
        })
    }

    /// The namespace for another thread.
    pub fn share(&self) -> Result<Self> {
        Ok(Self { name: self.name, file: self.file.try_clone()? })
    }

    /// Processes that run in it.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let inode = self.file.metadata()?.ino();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if fs::metadata(entry.path().join("ns/net")).is_ok_and(|facts| facts.ino() == inode) {
                found.push(pid);
            }
        }
        Ok(found)
    }
}
