//! The README's first commands, on a Debian that was made a minute ago.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use nix::fcntl::{Flock, FlockArg};

use super::End;
use crate::{command, paths};

/// Seconds for everything: the README allows 45 minutes from nothing.
const LIMIT: u32 = 45 * 60;

pub fn run(no_kernels: bool) -> Result<End> {
    if !fs::read_to_string("/etc/os-release")?.lines().any(|line| line == "ID=debian") {
        return Ok(End::Skipped("the archive of this machine is not Debian's".into()));
    }
    if paths::program("debootstrap").is_none() {
        println!("fresh: installing debootstrap with apt");
        let mut apt = Command::new("apt-get");
        apt.args(["install", "-y", "-qq", "--no-install-recommends", "debootstrap"]);
        command::output(apt.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    let logs = paths::logs()?;
    let _lock = Flock::lock(File::create(logs.join("fresh.lock"))?, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| error)
        .context("another soak makes a fresh root here")?;
    let root = logs.join("fresh");
    // A killed run may have left one.
    remove(&root)?;
    fs::create_dir(&root)?;
    let log = logs.join("fresh.log");
    let result = command::run_logged("fresh", &mut script(&root, no_kernels)?, &log);
    remove(&root)?;
    result?;
    let text = fs::read_to_string(&log)?;
    let took = text.lines().filter_map(|line| {
        let (seconds, what) = line.strip_prefix("fresh: took ")?.split_once(" s: ")?;
        Some(format!("{} {seconds} s", what.strip_prefix("inside ").unwrap_or(what.split(' ').next()?)))
    });
    Ok(End::Passed(took.collect::<Vec<_>>().join(", ")))
}

/// The script, in namespaces that end with it, whatever it leaves running or mounted.
fn script(root: &Path, no_kernels: bool) -> Result<Command> {
    let which = |name: &str, args: &[&str]| {
        let path = command::output(Command::new(name).args(args))?;
        Ok::<_, anyhow::Error>(Path::new(path.trim()).canonicalize()?)
    };
    let rustup = paths::program("rustup").context("no rustup in PATH")?.canonicalize()?;
    let cargo = which("rustup", &["which", "--toolchain", "stable", "cargo"])?;
    let toolchain = cargo.ancestors().nth(2).context("the stable toolchain has no directory")?;
    let mut command = Command::new("timeout");
    command.arg("--kill-after=10").arg(LIMIT.to_string()).args(["nice", "-n", "19", "unshare"]);
    command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=SIGKILL"]);
    command.arg(paths::repo().join("xtask/src/soak/fresh.sh"));
    command.arg(root).arg(paths::repo()).arg(rustup).arg(toolchain);
    if no_kernels {
        command.arg("--no-kernels");
    }
    command::die_with_us(&mut command);
    Ok(command)
}

/// Removes the root, unless anything is mounted in it: that would be removed as well.
fn remove(root: &Path) -> Result<()> {
    if !root.exists() {
        return Ok(());
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let inside =
        mounts.lines().filter_map(|line| line.split(' ').nth(4)).find(|at| Path::new(at).starts_with(root));
    if let Some(mount) = inside {
        bail!("{mount} is a mount: unmount it, then remove {}", root.display());
    }
    let status = Command::new("rm").args(["-rf", "--one-file-system"]).arg(root).status()?;
    ensure!(status.success() && !root.exists(), "{} cannot be removed", root.display());
    Ok(())
}
