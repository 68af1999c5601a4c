//! Apply, keep the lease, watch, undo in reverse order.

mod arm;
mod aside;
mod ask;
pub mod audit;
mod beside;
mod confine;
mod course;
pub mod daemon;
mod decide;
pub mod emergency;
mod end;
mod engine;
mod events;
mod failpoint;
mod fault;
mod follow;
mod halt;
mod handle;
pub mod instance;
pub mod journal;
mod judge;
mod lags;
mod ledger;
mod lever;
mod make;
mod memory;
mod names;
mod nothing;
pub mod notify;
mod own;
pub mod owners;
mod pending;
mod planning;
mod policy;
mod priority;
mod recovering;
mod rewritten;
pub mod saturation;
mod sweep;
mod waiters;
pub mod watcher;
mod whom;

#[cfg(test)]
mod tests;

pub use audit::Audit;
pub use engine::{Engine, Settings};
pub use events::Hub;
pub use handle::{Command, Handle, Reply, Request, Who, Wish};
pub use journal::Journal;
pub use names::look_up;

/// The kernel's release, as `uname -r` prints it.
pub fn kernel_release() -> String {
    nix::sys::utsname::uname()
        .map_or_else(|_| "?".to_owned(), |name| name.release().to_string_lossy().into_owned())
}

/// The node's host name.
pub fn node() -> String {
    nix::unistd::gethostname().map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned())
}
