//! For tests: a main loop that hangs, and a daemon that dies in the middle of a plan. Does nothing unless the daemon
//! was started with `INJECTOR_FAILPOINTS=1`.

use std::{path::Path, sync::OnceLock, time::Duration};

static ENABLED: OnceLock<bool> = OnceLock::new();

fn enabled() -> bool {
    *ENABLED.get_or_init(|| std::env::var_os("INJECTOR_FAILPOINTS").is_some_and(|value| value == "1"))
}

/// Blocks for as many milliseconds as the file `block` of the state directory says, once.
pub fn block(state_dir: &Path) {
    if !enabled() {
        return;
    }
    let path = state_dir.join("block");
    let Ok(text) = std::fs::read_to_string(&path) else { return };
    let _gone = std::fs::remove_file(&path);
    if let Ok(milliseconds) = text.trim().parse() {
        tracing::warn!("failpoint: the main loop hangs for {milliseconds} ms");
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
}

/// Dies as by SIGKILL if as many steps of a plan are `done` as the file `die` of the state directory says, once.
pub fn die(state_dir: &Path, done: usize) {
    if !enabled() {
        return;
    }
    let path = state_dir.join("die");
    if std::fs::read_to_string(&path).is_ok_and(|text| text.trim().parse() == Ok(done)) {
        let _gone = std::fs::remove_file(&path);
        let _dead = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}
