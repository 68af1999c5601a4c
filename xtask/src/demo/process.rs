//! Programs that the demo starts: none outlives it, and no wait outlasts Ctrl-C.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{command, signals};

/// How long a program may take to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until `ready` gives something; fails after `limit` and when we are interrupted.
pub fn until<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = ready()? {
            return Ok(value);
        }
        if signals::interrupted() {
            bail!("interrupted");
        }
        if begun.elapsed() > limit {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

/// A running program; told to end when dropped.
pub struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    /// Starts a program whose standard output is read by us and whose complaints go to `log`.
    pub fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        // A group of its own: Ctrl-C is for us, and we end our programs in their order.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).process_group(0);
        command::die_with_us(command);
        Ok(Self { name, child: command.spawn().with_context(|| format!("starting {name}"))? })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it prints.
    pub fn stdout(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().with_context(|| format!("no pipe from {}", self.name))
    }

    /// Its status, if it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let name = self.name;
        until(name, limit, || self.ended())
    }

    /// Waits for its end and returns the little that it printed.
    pub fn finish(mut self, limit: Duration) -> Result<String> {
        let status = self.wait(limit)?;
        let mut text = String::new();
        self.stdout()?.read_to_string(&mut text)?;
        if !status.success() {
            bail!("{}: {status}: {}", self.name, text.trim());
        }
        Ok(text)
    }

    /// Tells it to end and waits for that; how long it took.
    pub fn end(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                self.child.kill()?;
                self.child.wait()?;
                bail!("{} did not end when told to", self.name);
            }
            if begun.elapsed() < LOOK {
                kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
            }
            std::thread::sleep(LOOK);
        }
        Ok(begun.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("demo: {error:#}");
        }
    }
}
