//! What shows it all, on a real daemon: differences in NDJSON, a terminal, a browser.

mod differences;
mod page;
mod report;
mod terminal;
mod top;

use std::process::Command;

use crate::support::{THERE, World, child::Child, traffic::connect, traffic::ping_pong_on};

/// A connection of the victim's that is busy until it is killed with its world.
fn busy(world: &World) -> Child {
    world.in_victim(|| {
        let mut stream = connect(THERE, 9001);
        loop {
            ping_pong_on(&mut stream, 20);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    })
}

/// A browser with a profile of its own, without a sandbox for it is root; what it says of the page comes on stderr.
fn browser(mut command: Command, profile: &tempfile::TempDir) -> Command {
    let data = format!("--user-data-dir={}", profile.path().display());
    let flags =
        ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"];
    command.args(flags).arg(data).env("HOME", profile.path());
    command
}

/// As Debian or Ubuntu have it.
fn chromium() -> &'static str {
    let names = ["chromium-headless-shell", "chromium", "chromium-browser"];
    let is_there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    names.iter().find(is_there).expect("a Chromium: cargo xtask setup installs it")
}

/// What the browser made of it; fails if the page asks for what its own policy forbids.
#[track_caller]
fn rendered(mut command: Command, url: &str) -> String {
    let output = command.arg("--dump-dom").arg(url).output().unwrap();
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    let refused = |line: &str| line.contains("Content Security Policy") || line.contains("Refused to");
    assert!(!log.lines().any(refused), "{log}");
    dom.into_owned()
}
