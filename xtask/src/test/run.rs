//! Running one test binary: here, or in a guest.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::Args;
use super::build::{Binary, Built};
use super::libtest::{self, Transcript};
use crate::command::{self, follow};
use crate::kernel::Kernel;
use crate::signals;
use crate::vm::{self, End, GuestJob, MEMORY};

/// Where a guest finds the program under test.
const GUEST_INJECTOR: &str = "/usr/local/bin/injector";

/// What came of a test binary.
pub struct Ran {
    /// What it said.
    pub said: Transcript,
    /// Why it did not come to a good end, and all it printed.
    pub trouble: Option<String>,
    /// How long each test took; empty where several run at a time.
    pub times: Vec<(String, Duration)>,
}

/// What a test binary has printed so far, each line with the time since its start.
struct Output {
    begun: Instant,
    lines: Vec<(Duration, String)>,
}

impl Output {
    fn new() -> Self {
        Self { begun: Instant::now(), lines: Vec::new() }
    }

    /// Keeps a line, and shows those that tell progress, behind whose they are.
    fn keep(&mut self, whose: &str, line: &str) {
        if libtest::is_progress(line) {
            println!("   {whose}{line}");
        }
        self.lines.push((self.begun.elapsed(), line.to_owned()));
    }

    fn lines(&self) -> impl Iterator<Item = (Duration, &str)> {
        self.lines.iter().map(|(at, line)| (*at, line.as_str()))
    }
}

/// Runs unit tests.
pub fn unit(binary: &Binary, args: &Args) -> Result<Ran> {
    let ran = here(&mut test_command(binary, args), args)?;
    Ok(Ran { times: Vec::new(), ..ran })
}

/// Runs tests that act on this machine, one at a time.
pub fn native(binary: &Binary, built: &Built, args: &Args) -> Result<Ran> {
    let injector = built.injector.as_ref().context("the build made no injector")?;
    let mut command = test_command(binary, args);
    command.arg("--test-threads=1").env("INJECTOR_BIN", injector).env("INJECTOR_KERNEL", "native");
    here(&mut command, args)
}

fn test_command(binary: &Binary, args: &Args) -> Command {
    let mut command = Command::new(&binary.path);
    command.arg("--show-output").args(&args.filter).current_dir(&binary.directory).env("RUST_BACKTRACE", "1");
    command
}

fn here(command: &mut Command, args: &Args) -> Result<Ran> {
    // One pipe for both, so that lines keep their order.
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    command::die_with_us(command);
    let mut child = command.spawn().context("starting the test binary")?;
    // The command holds the pipe's writing ends; while it does, the pipe has no end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut output = Output::new();
    let in_time = follow(&mut child, reader, Instant::now() + args.limit(), |line| output.keep("", line))?;
    if !in_time {
        // The group, for a hung test has programs of its own. One that ended meanwhile is no trouble.
        killpg(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGKILL).ok();
    }
    let status = child.wait()?;
    let why = match status.code() {
        _ if signals::interrupted() => Some("interrupted".into()),
        _ if !in_time => Some(format!("ended by the time limit of {} s", args.timeout)),
        Some(0) => None,
        _ => Some(status.to_string()),
    };
    Ok(verdict(&output, why))
}

/// Copies of the guests' programs without debug information: a guest's files are memory.
pub struct Stripped {
    directory: TempDir,
}

impl Stripped {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Strips the test binaries and the program under test.
pub fn strip(binaries: &[&Binary], built: &Built) -> Result<Stripped> {
    let stripped = Stripped { directory: tempfile::tempdir()? };
    let strip = |from: &Path, name: &str| {
        command::output(
            Command::new("strip").arg("--strip-debug").arg("-o").arg(stripped.path(name)).arg(from),
        )
    };
    if let Some(injector) = &built.injector {
        strip(injector, "injector")?;
    }
    for binary in binaries {
        strip(&binary.path, &plain(&binary.name))?;
    }
    Ok(stripped)
}

/// A file name without what a shell would have to quote.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Runs a test binary in a guest of its own, one test at a time: those tests whose names contain one of `filters`.
pub fn guest(
    binary: &Binary,
    stripped: &Stripped,
    kernel: &Kernel,
    filters: &[String],
    programs: bool,
    args: &Args,
) -> Result<Ran> {
    let at = format!("/vm/{}", plain(&binary.name));
    let mut words = vec![at.clone(), "--show-output".into(), "--test-threads=1".into()];
    words.extend_from_slice(filters);
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut job = GuestJob {
        command: words,
        files: vec![
            (stripped.path(&plain(&binary.name)), at),
            (stripped.path("injector"), GUEST_INJECTOR.to_owned()),
        ],
        env: vec![
            variable("INJECTOR_BIN", GUEST_INJECTOR),
            variable("INJECTOR_KERNEL", &kernel.name),
            variable("RUST_BACKTRACE", "1"),
        ],
        programs,
        memory: if programs { vm::programs::MEMORY } else { MEMORY },
        append: String::new(),
        timeout: args.limit(),
    };
    // The soak's figures are asked for there as they are here.
    let soak = std::env::var("INJECTOR_SOAK").ok();
    job.env.extend(soak.map(|value| variable("INJECTOR_SOAK", &value)));
    let mut output = Output::new();
    let whose = format!("{}: ", kernel.name);
    let outcome = vm::run(kernel, &job, |line| output.keep(&whose, line))?;
    for complaint in vm::complaints(&outcome.console) {
        println!("   {whose}kernel: {complaint}");
    }
    let why = match outcome.end {
        End::Exited(0) => None,
        End::Exited(status) => Some(format!("exit status {status}")),
        End::TimeLimit => Some(format!("ended by the time limit of {} s", args.timeout)),
        End::Died => Some("the guest died".into()),
        End::NeverStarted => Some("the guest died before the test started, twice".into()),
    };
    let messages = vm::trouble(&outcome.console);
    let why = why.map(|why| match outcome.end {
        End::Exited(_) => why,
        _ => format!("{why}; its kernel's messages:\n{}", messages.join("\n")),
    });
    Ok(verdict(&output, why))
}

fn verdict(output: &Output, why: Option<String>) -> Ran {
    let said = libtest::read(output.lines().map(|(_, line)| line));
    let why = why.or_else(|| (!said.complete).then(|| "it ended before its tests did".into()));
    let all = || output.lines().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
    Ran { trouble: why.map(|why| format!("{why}\n{}", all())), said, times: libtest::times(output.lines()) }
}
