//! A small process that outlives the daemon by a moment: when the daemon dies, however it dies, the watcher
//! removes what the kernel does not remove by itself.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::{
    instance,
    sweep::{Whose, sweep},
};

/// First argument of the process: not a verb, and not in any help.
pub const VERB: &str = "__watch";

/// Starts the watcher of this process.
///
/// # Errors
/// Our own executable cannot be run.
pub fn spawn(instance: u32, run_dir: &Path) -> Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("injector-watch")
        .args([VERB, &std::process::id().to_string(), &format!("{instance:08x}")])
        .arg(run_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    // SAFETY: setsid is async-signal-safe. A session of its own keeps Ctrl-C at the daemon's terminal away.
    unsafe { command.pre_exec(|| nix::unistd::setsid().map(|_| ()).map_err(Into::into)) };
    command.spawn().context("starting the watcher process")
}

/// The watcher itself: waits for the end of process `pid`, then sweeps.
///
/// # Errors
/// The arguments are not its own.
pub fn run(args: &[String]) -> Result<()> {
    let [pid, tag, run_dir] = args else { anyhow::bail!("{VERB} takes a pid, an instance and a directory") };
    // What the daemon has given up, its watcher needs as little.
    super::confine::confine()?;
    let (pid, instance) = (pid.parse::<i32>()?, u32::from_str_radix(tag, 16)?);
    wait_for(pid)?;
    // Its lock is free a moment after the process is gone.
    for _ in 0..50 {
        if instance::is_dead(tag) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let _doc = sweep(Whose::One(instance), Path::new(run_dir));
    let _gone = std::fs::remove_file(Path::new(instance::DIRECTORY).join(format!("{tag}.lock")));
    Ok(())
}

/// Blocks until the process has ended. One that is gone already has.
fn wait_for(pid: i32) -> Result<()> {
    use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Ok(());
    }
    // SAFETY: the kernel has just given us this descriptor.
    let fd = unsafe { OwnedFd::from_raw_fd(i32::try_from(fd)?) };
    let mut polled = [nix::poll::PollFd::new(fd.as_fd(), nix::poll::PollFlags::POLLIN)];
    loop {
        match nix::poll::poll(&mut polled, nix::poll::PollTimeout::NONE) {
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
