//! Running other programs: with an error that names them, or with progress lines for the long ones.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::signals;

/// How often a long step says that it is still at it.
const PROGRESS: Duration = Duration::from_secs(15);

/// Runs `command` with our own output; fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let name = describe(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("starting {name}"))?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Runs `command` and returns its standard output; fails unless it succeeds.
pub fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Pipes `input` through `program`, whatever its exit status: decompressors grumble about bytes behind the end.
pub fn filter(program: &str, args: &[&str], input: Vec<u8>) -> Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let mut stdin = child.stdin.take().context("no pipe to the program")?;
    // Written aside, for both pipes fill up. A program that stops reading early has what it wanted.
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let mut result = Vec::new();
    child.stdout.take().context("no pipe from the program")?.read_to_end(&mut result)?;
    child.wait()?;
    writer.join().ok();
    Ok(result)
}

/// Runs `command` with its output in `log`, saying every 15 s what the log's last line is; on failure shows
/// the log's end.
pub fn run_logged(what: &str, command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("making {}", log.display()))?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("starting {}", describe(command)))?;
    let mut said = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            let line = tail(log, 1).unwrap_or_default();
            println!("  {what}: {} s, {}", started.elapsed().as_secs(), line.trim());
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        bail!("{what}: {status}; the end of {}:\n{}", log.display(), tail(log, 30)?);
    }
    println!("  {what}: done in {} s", started.elapsed().as_secs());
    Ok(())
}

/// Gives `line` each line that comes out of `child` until its end; false once `deadline` has passed or we were
/// interrupted, with the child still running. Programs that the child left behind may hold the pipe: they are not waited for.
pub fn follow(
    child: &mut Child,
    output: impl Read + Send + 'static,
    deadline: Instant,
    mut line: impl FnMut(&str),
) -> Result<bool> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            bytes.clear();
            if sender.send(text).is_err() {
                break;
            }
        }
    });
    let mut ended = false;
    let over = || Instant::now() >= deadline || signals::interrupted();
    loop {
        let wait = deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(200));
        match lines.recv_timeout(wait) {
            Ok(text) => {
                line(&text);
                if over() {
                    return Ok(false);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(true),
            Err(RecvTimeoutError::Timeout) if ended => return Ok(true),
            Err(RecvTimeoutError::Timeout) if over() => return Ok(false),
            // Looked at only when silent; one more wait then gives the reader time for the rest.
            Err(RecvTimeoutError::Timeout) => ended = has_ended(child)?,
        }
    }
}

/// Whether a child ended, leaving it to be waited for: its number is still its own.
fn has_ended(child: &Child) -> Result<bool> {
    let id = Id::Pid(Pid::from_raw(i32::try_from(child.id())?));
    let status = waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT)?;
    Ok(status != WaitStatus::StillAlive)
}

/// Has the kernel end `command`'s process when the thread that started it ends, however that comes about.
pub fn die_with_us(command: &mut Command) {
    // SAFETY: prctl is async-signal-safe and takes plain numbers.
    unsafe {
        command.pre_exec(|| {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        });
    }
}

/// The last lines of a file that may be large.
pub fn tail(path: &Path, lines: usize) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(64 * 1024)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

/// The program and its arguments as a person would type them, near enough for a message.
fn describe(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}
