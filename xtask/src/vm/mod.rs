//! `cargo xtask vm`: a command run as root on another kernel, in an emulated machine that boots in two seconds.
//!
//! The machine has no disk and no network card. The kernel unpacks its root from three archives, one behind
//! the other: the tools (cached), the kernel's modules (cached), and the run's own files.

mod cpio;
mod image;
mod key;
pub mod programs;
mod qemu;
mod rootfs;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

pub use self::key::Key;
pub use self::qemu::End;
use crate::kernel::{Kernel, MATRIX};
use crate::paths;

/// Guest memory unless told otherwise: the root's files may fill half of it.
pub const MEMORY: u32 = 768;

/// The flags of `cargo xtask vm`.
#[derive(clap::Args)]
pub struct Args {
    /// 6.1, 6.12, 6.1-override, 7.2, all of them, or the path of a kernel image or of an unpacked kernel package
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// The guest's memory; its files may fill half of it
    #[arg(long, value_name = "MIB", default_value_t = MEMORY)]
    mem: u32,
    /// End the guest after this time, the boot included
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// Copy a file or directory into the guest; programs bring their libraries
    #[arg(long = "file", value_name = "HOST[:GUEST]")]
    files: Vec<String>,
    /// Set a variable in the command's environment
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Give the guest the real programs of the tests: PostgreSQL, Redis, Python and Node
    #[arg(long)]
    programs: bool,
    /// More of the kernel's command line, such as lsm=landlock,yama
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    append: String,
    /// The command; a program given by its path is copied into the guest
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// What a guest is to do.
pub struct GuestJob {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Files and directories of this machine, and where the guest finds them.
    pub files: Vec<(PathBuf, String)>,
    /// The command's environment, beside the guest's own.
    pub env: Vec<(String, String)>,
    /// Whether it has the programs of [`programs`], too.
    pub programs: bool,
    /// Memory in MiB.
    pub memory: u32,
    /// More of the kernel's command line.
    pub append: String,
    /// For all of it, boot included.
    pub timeout: Duration,
}

/// What came of it.
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The kernel's messages.
    pub console: PathBuf,
}

/// Runs `job` on `kernel`, giving each line of its output to `line` as it comes. A guest that dies before the
/// command starts is booted once more. Call it from the main thread.
pub fn run(kernel: &Kernel, job: &GuestJob, mut line: impl FnMut(&str)) -> Result<Outcome> {
    let vmlinux = image::vmlinux(kernel).with_context(|| format!("preparing kernel {}", kernel.name))?;
    let modules = image::modules(kernel).with_context(|| format!("preparing modules of {}", kernel.name))?;
    let scratch = tempfile::tempdir().context("making a scratch directory")?;
    let own = scratch.path().join("own.cpio");
    rootfs::job(job)?.save(&own)?;
    let initrd = scratch.path().join("initrd");
    let mut archive = File::create(&initrd)?;
    // What is there twice is what came last: this machine's libraries, which belong together.
    let programs = job.programs.then(programs::packed).transpose()?;
    for part in [programs, Some(rootfs::base()?), modules, Some(own)].into_iter().flatten() {
        std::io::copy(&mut File::open(&part)?, &mut archive)?;
    }
    let kind = if job.programs { "-programs" } else { "" };
    let console = paths::logs()?.join(format!("console-{}{kind}.log", kernel.name));
    let status = scratch.path().join("status");
    let boot = qemu::Boot {
        kernel: &vmlinux,
        initrd: &initrd,
        console: &console,
        status: &status,
        memory: job.memory,
        append: &job.append,
    };
    let deadline = Instant::now() + job.timeout;
    for attempt in 1.. {
        let left = deadline.saturating_duration_since(Instant::now());
        let end = qemu::boot(&boot, left, &mut line)?;
        if end != End::NeverStarted || attempt == 2 {
            return Ok(Outcome { end, console });
        }
        eprintln!("xtask: the guest died before the command started; booting once more");
        fs::write(&status, "")?;
    }
    bail!("the guest was never booted")
}

/// The kernel's messages that tell why a guest failed: from the first sign of trouble, else the last ones.
pub fn trouble(console: &Path) -> Vec<String> {
    let text =
        fs::read(console).map(|bytes| String::from_utf8_lossy(&bytes).replace('\r', "")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| is_trouble(line));
    let from = first.unwrap_or(lines.len().saturating_sub(15));
    lines[from..].iter().take(40).map(|line| (*line).to_owned()).collect()
}

/// The lines in which the kernel complained, for a run that ended well all the same.
pub fn complaints(console: &Path) -> Vec<String> {
    let bytes = fs::read(console).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter(|line| is_trouble(line)).map(str::to_owned).collect()
}

fn is_trouble(line: &str) -> bool {
    ["Kernel panic", "BUG:", "WARNING:", "Oops", "Out of memory"].iter().any(|sign| line.contains(sign))
}

/// Runs the verb: exits as the command did, 124 after the time limit, 125 for a guest that died.
pub fn main(args: &Args) -> Result<ExitCode> {
    let job = GuestJob {
        command: args.command.clone(),
        files: args.files.iter().map(|file| split_file(file)).collect::<Result<_>>()?,
        env: args.env.iter().map(|pair| split_env(pair)).collect::<Result<_>>()?,
        programs: args.programs,
        memory: args.mem,
        append: args.append.clone(),
        timeout: Duration::from_secs(args.timeout),
    };
    if args.kernel != "all" {
        return run_one(&args.kernel, &job, "");
    }
    let mut worst = ExitCode::SUCCESS;
    for name in MATRIX {
        let code = run_one(name, &job, &format!("{name} | "))?;
        if code != ExitCode::SUCCESS {
            worst = code;
        }
    }
    Ok(worst)
}

fn run_one(name: &str, job: &GuestJob, prefix: &str) -> Result<ExitCode> {
    let outcome = run(&Kernel::find(name)?, job, |line| println!("{prefix}{line}"))?;
    let (code, what) = match outcome.end {
        End::Exited(0) => return Ok(ExitCode::SUCCESS),
        End::Exited(status) => return Ok(ExitCode::from(status)),
        End::TimeLimit => (124, format!("ended by the time limit of {} s", job.timeout.as_secs())),
        End::Died => (125, "the guest died while the command ran".into()),
        End::NeverStarted => (125, "the guest died before the command started, twice".into()),
    };
    eprintln!("xtask: kernel {name}: {what}; its messages are in {}:", outcome.console.display());
    trouble(&outcome.console).iter().for_each(|line| eprintln!("  {line}"));
    Ok(ExitCode::from(code))
}

/// `HOST[:GUEST]`: without a guest path, the host's own.
fn split_file(text: &str) -> Result<(PathBuf, String)> {
    let (host, guest) = text.split_once(':').map_or((text, None), |(host, guest)| (host, Some(guest)));
    let host = Path::new(host).canonicalize().with_context(|| format!("--file {text}"))?;
    let guest = guest.map_or_else(|| host.to_string_lossy().into_owned(), str::to_owned);
    if !guest.starts_with('/') {
        bail!("--file {text}: the guest's path must be absolute");
    }
    Ok((host, guest))
}

fn split_env(text: &str) -> Result<(String, String)> {
    let valid = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    match text.split_once('=') {
        Some((name, value)) if valid(name) => Ok((name.into(), value.into())),
        _ => bail!("--env {text}: not of the form NAME=VALUE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_checked() {
        assert!(split_env("A_1=x=y").is_ok_and(|pair| pair == ("A_1".into(), "x=y".into())));
        assert!(split_env("1A=x").is_err() && split_env("A;rm=x").is_err() && split_env("A").is_err());
    }

    #[test]
    fn trouble_starts_at_its_first_sign() -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), "booting\r\nKernel panic - not syncing\r\nCall Trace:\r\n")?;
        assert_eq!(trouble(file.path()), ["Kernel panic - not syncing", "Call Trace:"]);
        Ok(())
    }
}
