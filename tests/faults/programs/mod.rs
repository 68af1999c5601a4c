//! Real programs under a fault behave as they document, and are back when it is over. In the guest that has them
//! (`xtask/src/vm/programs.rs`), whose kernel can fail any call by kprobe.

mod client;
mod nginx;
mod node;
mod postgresql;
mod python;
mod redis;

use std::{
    fs::{self, File},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::support::{World, cgroup::Cgroup, child::Child, kernel, lent::Lent, skip};

/// `nobody`: as whom programs run that are not to be root.
const NOBODY: u32 = 65534;
/// A guest's seconds are long.
const SOON: u64 = 60;

fn world(test: &str) -> Option<Lent> {
    let here = kernel() == "6.1-override";
    if here || !skip(test, "real programs are in the guest of 6.1-override") {
        Some(World::lent())
    } else {
        None
    }
}

/// A directory of `nobody`'s.
fn directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("injector-program-").tempdir().unwrap();
    chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    directory
}

/// A program that runs in the victim's cgroup, with all that it starts, until this goes.
struct Program<'a> {
    victim: &'a Cgroup,
    _child: Child,
    log: PathBuf,
}

impl<'a> Program<'a> {
    /// What it prints goes to `log`. `user`: as whom it runs.
    fn start(world: &'a World, log: &Path, user: u32, words: &[&str]) -> Self {
        let printed = File::options().create(true).append(true).open(log).unwrap();
        let child = world.in_victim(|| {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).env_clear().env("TZ", "UTC").env("LANG", "C").uid(user).gid(user);
            command
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(printed.try_clone().unwrap())
                .stderr(printed);
            panic!("{words:?}: {}", command.exec())
        });
        Self { victim: &world.victim, _child: child, log: log.to_owned() }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has said this so many times.
    #[track_caller]
    fn says(&self, times: usize, text: &str) {
        let begun = Instant::now();
        while self.log().matches(text).count() < times {
            assert!(
                begun.elapsed().as_secs() < SOON,
                "not within {SOON} s: {text:?}, {times} times\n{}",
                self.log()
            );
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // Not the first process alone: workers outlive their master.
        self.victim.kill();
    }
}
