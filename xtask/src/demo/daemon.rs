//! The daemon that the demo shows, with files of its own, and the CLI that drives it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::cgroup::Cgroup;
use super::netns::Netns;
use super::process::{Process, until};
use crate::command;

/// How long a daemon may take to answer: emulated machines load programs slowly.
const START: Duration = Duration::from_secs(60);

/// The running daemon.
pub struct Daemon {
    injector: PathBuf,
    dir: PathBuf,
    process: Process,
}

impl Daemon {
    /// Starts it in `netns`: where a target's namespace can't be told it attaches to its own, which must not be
    /// this machine's.
    pub fn start(injector: &Path, dir: &Path, netns: &Netns, watch: &[&Cgroup]) -> Result<Self> {
        let at = |name: &str| dir.join(name).display().to_string();
        fs::write(
            at("limits.yaml"),
            "mode: armed\nmax_ttl: 5m\nmax_percent: 20\nmax_delay: 2s\nmax_faults: 4\n",
        )?;
        let watch: Vec<_> = watch.iter().map(|cgroup| format!("  - cgroup:{}\n", cgroup.path)).collect();
        let config = format!(
            "socket: {}\nmetrics: off\nlimits: {}\nrun_dir: {}\nstate_dir: {}\nwatch:\n{}",
            at("sock"),
            at("limits.yaml"),
            at("run"),
            at("state"),
            watch.concat()
        );
        fs::write(at("config.yaml"), config)?;
        let mut command = Command::new(injector);
        command.args(["daemon", "--config"]).arg(dir.join("config.yaml"));
        netns.hold(&mut command)?;
        let mut process = Process::start("the daemon", &mut command, &dir.join("daemon.log"))?;
        let log = dir.join("daemon.log");
        until("the daemon's answer", START, || {
            if let Some(status) = process.ended()? {
                bail!("the daemon ended with {status}: {}", command::tail(&log, 10)?);
            }
            Ok(UnixStream::connect(dir.join("sock")).ok())
        })?;
        Ok(Self { injector: injector.to_owned(), dir: dir.to_owned(), process })
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        command::tail(&self.dir.join("daemon.log"), 20).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Tells it to end; how long that took.
    pub fn end(&mut self) -> Result<Duration> {
        self.process.end()
    }

    /// The CLI, not yet run.
    fn cli(&self) -> Command {
        let mut command = Command::new(&self.injector);
        command.arg("--config").arg(self.dir.join("config.yaml"));
        command
    }

    /// Runs the CLI with `--json`.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let text = command::output(self.cli().arg("--json").args(words))?;
        serde_json::from_str(&text).with_context(|| format!("injector {} printed {text}", words.join(" ")))
    }

    /// Has the CLI inject, in the foreground; returns once it has said what it does.
    pub fn inject(&self, words: &[String]) -> Result<Injection> {
        let complaints = self.dir.join("cli.log");
        let mut process = Process::start("the CLI", self.cli().args(words), &complaints)?;
        let output = BufReader::new(process.stdout()?);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        let first = until("the CLI's first line", START, || {
            if let Ok(line) = lines.try_recv() {
                return Ok(Some(line));
            }
            if let Some(status) = process.ended()? {
                bail!("injector {}: {status}: {}", words.join(" "), command::tail(&complaints, 10)?);
            }
            Ok(None)
        })?;
        Ok(Injection { armed: Instant::now(), first, process, lines, complaints })
    }
}

/// A fault in the foreground of its command.
pub struct Injection {
    /// When the command said that it acts.
    pub armed: Instant,
    /// How it said so.
    pub first: String,
    process: Process,
    lines: Receiver<String>,
    complaints: PathBuf,
}

impl Injection {
    /// Waits until the command ended by itself; whether it was content, and its lines on the fault's end.
    pub fn finish(mut self, limit: Duration) -> Result<(bool, Vec<String>)> {
        let status = self.process.wait(limit)?;
        let lines: Vec<String> = self.lines.iter().collect();
        let mut ending: Vec<String> =
            lines.iter().skip_while(|line| !line.contains(" ENDED")).cloned().collect();
        if !status.success() {
            ending.push(format!("{status}: {}", command::tail(&self.complaints, 5)?));
        }
        Ok((status.success(), ending))
    }
}
