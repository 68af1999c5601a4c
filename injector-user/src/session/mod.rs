//! Apply, keep the lease, watch, undo in reverse order.

mod arm;
mod ask;
mod confine;
pub mod daemon;
pub mod emergency;
mod end;
mod engine;
mod fault;
mod halt;
mod handle;
pub mod instance;
pub mod journal;
pub mod notify;
mod sweep;
mod waiters;
pub mod watcher;

#[cfg(test)]
mod tests;

pub use engine::{Engine, Settings};
pub use handle::{Command, Handle, Reply, Who};
pub use journal::Journal;

/// The kernel's release, as `uname -r` prints it.
pub fn kernel_release() -> String {
    nix::sys::utsname::uname()
        .map_or_else(|_| "?".to_owned(), |name| name.release().to_string_lossy().into_owned())
}

/// The node's host name.
pub fn node() -> String {
    nix::unistd::gethostname().map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned())
}
