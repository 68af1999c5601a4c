//! What the daemon gives up once it has started: capabilities, privileges by exec, and system calls.
//!
//! All three hold for a thread and for those that it starts later, so this is done while there is one thread.
//! docs/SECURITY.md says what is kept and why.

mod capability;
mod filter;
#[cfg(test)]
mod tests;

use std::{
    fs,
    time::{Duration, Instant},
};

use tracing::info;

use crate::error::Error;

/// How long a thread that was joined may still be listed: it tells its joiner a moment before it is gone.
const LAST_THREAD: Duration = Duration::from_secs(1);

/// Confines this process for good. To be called when all that needs more is done: after the watcher was started
/// and before any thread is.
///
/// # Errors
/// There are other threads, or the kernel refuses a part: the daemon must not run then.
pub fn confine() -> Result<(), Error> {
    alone()?;
    let failed = |what: &str, error: std::io::Error| {
        Error::failed(format!("the daemon cannot give up {what}: {error}"))
            .hint("it does not run unconfined; the kernel needs CONFIG_SECCOMP_FILTER")
    };
    let dropped = capability::drop_unneeded().map_err(|error| failed("its capabilities", error))?;
    nix::sys::prctl::set_no_new_privs().map_err(|error| failed("new privileges", error.into()))?;
    filter::install().map_err(|error| failed("system calls", error))?;
    info!(
        "confined: no_new_privs; {} system calls are refused; capabilities dropped: {dropped}; kept: {}",
        filter::REFUSED.len(),
        capability::names(capability::NEEDED),
    );
    Ok(())
}

/// Waits until this thread is the only one.
fn alone() -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let threads = fs::read_dir("/proc/self/task").map_or(usize::MAX, Iterator::count);
        if threads == 1 {
            return Ok(());
        }
        if begun.elapsed() > LAST_THREAD {
            return Err(Error::failed("the daemon cannot be confined: it has threads already")
                .hint("this is a mistake in the program: capabilities are dropped thread by thread"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
