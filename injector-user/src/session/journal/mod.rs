//! What is about to be done to the kernel, on disk before it is done.
//!
//! One JSON document a line, with a checksum, appended and synced. It is kept in the run directory: a reboot
//! clears the kernel and the journal alike, and the boot id says so where the directory survives one. Namespaces
//! are named by their inode.

pub(super) mod append;
pub(super) mod entry;
pub mod read;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

pub use entry::Entry;
pub use read::left;

use append::{Append, sync_directory};

/// The journal of a running daemon.
#[derive(Debug)]
pub struct Journal {
    file: Append,
    path: PathBuf,
}

/// Where the journal is.
pub fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("journal.ndjson")
}

/// Where the one before it is.
pub fn old_path(run_dir: &Path) -> PathBuf {
    run_dir.join("journal.ndjson.old")
}

/// The kernel's boot id; empty if there is none to be read.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

impl Journal {
    /// Starts anew, and keeps the journal before as the `.old` one. To be called when what that one names has
    /// been cleaned up: until then it stays where the next daemon and `injector clean` look for it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn start(run_dir: &Path, instance: &str) -> Result<Self> {
        let path = path(run_dir);
        fs::create_dir_all(run_dir).with_context(|| format!("making {}", run_dir.display()))?;
        match fs::rename(&path, old_path(run_dir)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("keeping {}", path.display()));
            }
            _ => sync_directory(&path).with_context(|| format!("syncing {}", run_dir.display()))?,
        }
        let file = Append::open(&path).with_context(|| format!("opening {}", path.display()))?;
        let mut journal = Self { file, path };
        let (instance, boot, at) = (instance.to_owned(), boot_id(), super::halt::now());
        journal.write(&Entry::Daemon { instance, boot, at })?;
        Ok(journal)
    }

    /// Appends, and returns when it is on the disk.
    ///
    /// # Errors
    /// The disk refuses (it is full): the caller must not touch the kernel. Lines before and after are whole.
    pub fn write(&mut self, entry: &Entry) -> Result<()> {
        self.file.line(&entry.seal()?, true).with_context(|| format!("writing {}", self.path.display()))
    }
}
