//! One boot: qemu started, its output followed, its end judged.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::command::{self, follow};
use crate::signals;

/// Emulated, never KVM: stock kernels hang under some hosts' nested KVM, and CI has none.
/// With two CPUs in threads of their own, a guest dies now and then of an `int3` that text patching had removed
/// already; what needs two CPUs runs natively.
const MACHINE: &str = "-nodefaults -no-user-config -display none -no-reboot -machine pc \
    -accel tcg,thread=single -smp 1";

/// From this one on a kernel has the instruction cmpxchg16b (cx16).
///
/// QEMU before 8.0 leaves wrong flags behind it if something else has set flags just before: 6.12 takes and frees memory
/// that way, 300,000 times in a boot, and one boot in ten crashed. From 7.1 on sockets get BPF storage from
/// `kmalloc_nolock`, which has no memory without the instruction: there would be no flows and no round trips. The
/// same allocator's caches no longer need it often: 2,000 times in a boot of 7.2, with nothing that sets flags before it.
const CX16: (u32, u32) = (7, 1);

/// Any oops ends the guest at once; the time stamp counter is the host's and can be trusted. A program is at the same
/// addresses each time: QEMU translates its code anew otherwise, and a command takes 0.24 s instead of 0.08.
const KERNEL_ARGUMENTS: &str =
    "console=ttyS0 loglevel=7 panic=-1 oops=panic reboot=t tsc=reliable norandmaps";

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The command ended by itself, with this status.
    Exited(u8),
    /// The time limit ended the guest.
    TimeLimit,
    /// The guest ended while the command ran: a panic or a reset.
    Died,
    /// The guest ended before the command started.
    NeverStarted,
}

/// The files of a boot.
pub struct Boot<'a> {
    /// An uncompressed kernel.
    pub kernel: &'a Path,
    /// What the kernel unpacks as its root.
    pub initrd: &'a Path,
    /// Where the kernel's messages go.
    pub console: &'a Path,
    /// Where the guest says `started` and `exit STATUS`.
    pub status: &'a Path,
    /// Memory in MiB.
    pub memory: u32,
    /// More of the kernel's command line.
    pub append: &'a str,
    /// See [`cpu`].
    pub cpu: &'static str,
}

/// The processor for a kernel of this version.
///
/// Without ERMS: with it the kernel and libc copy and clear by `rep movsb` and `rep stosb`, which an emulator does byte by
/// byte. A test takes a sixth less of the host's CPU without.
pub fn cpu(version: Option<(u32, u32)>) -> &'static str {
    if version.is_some_and(|version| version >= CX16) { "max,-erms" } else { "max,-erms,-cx16" }
}

/// Boots and follows the guest until its end or `limit`. Call it from the main thread: qemu is told to end
/// with the thread that started it.
pub fn boot(boot: &Boot<'_>, limit: Duration, mut line: impl FnMut(&str)) -> Result<End> {
    let deadline = Instant::now() + limit;
    signals::heed()?;
    ensure!(!signals::interrupted(), "interrupted before the guest was started");
    let mut child = spawn(boot)?;
    let stdout = child.stdout.take().context("no pipe from qemu")?;
    let in_time = follow(&mut child, stdout, deadline, &mut line)?;
    if !in_time {
        child.kill().context("ending qemu")?;
    }
    let ended = child.wait()?;
    ensure!(!signals::interrupted(), "interrupted; the guest was ended");
    let said = std::fs::read_to_string(boot.status).unwrap_or_default();
    let end = judge(&said, in_time);
    if end == End::NeverStarted && !ended.success() {
        bail!("qemu failed: {ended}");
    }
    Ok(end)
}

fn spawn(boot: &Boot<'_>) -> Result<Child> {
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(MACHINE.split_whitespace())
        .args(["-cpu", boot.cpu])
        .args(["-m", &boot.memory.to_string()])
        .arg("-kernel")
        .arg(boot.kernel)
        .arg("-initrd")
        .arg(boot.initrd)
        .args(["-append", &format!("{KERNEL_ARGUMENTS} {}", boot.append)])
        .arg("-serial")
        .arg(format!("file:{}", boot.console.display()))
        .args(["-chardev", "stdio,id=output,signal=off", "-serial", "chardev:output"])
        .arg("-serial")
        .arg(format!("file:{}", boot.status.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command::die_with_us(&mut command);
    command.spawn().context("starting qemu-system-x86_64 (missing? run `cargo xtask setup`)")
}

/// Reads the guest's status port.
fn judge(said: &str, in_time: bool) -> End {
    let status = said.lines().filter_map(|line| line.trim().strip_prefix("exit ")?.parse().ok()).next_back();
    match status {
        Some(status) => End::Exited(status),
        None if !in_time => End::TimeLimit,
        None if said.contains("started") => End::Died,
        None => End::NeverStarted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernel_that_needs_it_has_cx16() {
        let all = [None, Some((6, 1)), Some((6, 12)), Some((7, 0)), Some((7, 1)), Some((7, 2)), Some((8, 0))];
        assert_eq!(
            all.map(|version| cpu(version) == "max,-erms"),
            [false, false, false, false, true, true, true]
        );
    }

    #[test]
    fn the_status_port_tells_the_end() {
        assert_eq!(judge("started\nexit 7\n", true), End::Exited(7));
        assert_eq!(judge("started\nexit 7\n", false), End::Exited(7));
        assert_eq!(judge("started\n", true), End::Died);
        assert_eq!(judge("started\n", false), End::TimeLimit);
        assert_eq!(judge("", true), End::NeverStarted);
        assert_eq!(judge("", false), End::TimeLimit);
    }
}
