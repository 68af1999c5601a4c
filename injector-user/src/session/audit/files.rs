//! The files of the audit log: `audit.ndjson`, older ones with a number, and the head.
//!
//! Of a log that lost its last lines the chain is still whole. Therefore `audit.head` beside it says how far it
//! goes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::line::Link;
use crate::session::journal::append::sync_directory;

/// How many old files are kept.
pub const KEEP: u32 = 4;

/// The file that is written now.
pub fn current(dir: &Path) -> PathBuf {
    dir.join("audit.ndjson")
}

/// The `n`th file before it, 1 to [`KEEP`].
pub fn old(dir: &Path, n: u32) -> PathBuf {
    dir.join(format!("audit.ndjson.{n}"))
}

/// All files that are there, oldest first.
pub fn all(dir: &Path) -> Vec<PathBuf> {
    let old = (1..=KEEP).rev().map(|n| old(dir, n));
    old.chain([current(dir)]).filter(|path| path.symlink_metadata().is_ok()).collect()
}

/// Every file becomes one older; the oldest goes. Without a current file this was done already.
///
/// # Errors
/// The directory cannot be written.
pub fn rotate(dir: &Path) -> io::Result<()> {
    if current(dir).symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(());
    }
    for n in (0..KEEP).rev() {
        let from = if n == 0 { current(dir) } else { old(dir, n) };
        match fs::rename(from, old(dir, n + 1)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_directory(&current(dir))
}

fn head(dir: &Path) -> PathBuf {
    dir.join("audit.head")
}

/// How far the log goes; `None` if no line was ever written here.
///
/// # Errors
/// The head is there and cannot be read.
pub fn read_head(dir: &Path) -> io::Result<Option<Link>> {
    match fs::read(head(dir)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
    }
}

/// Replaces the head in one step: a reader finds the old one or the new one.
///
/// # Errors
/// The disk refuses; the old head is still there.
pub fn write_head(dir: &Path, link: &Link, durable: bool) -> io::Result<()> {
    let new = dir.join("audit.head.new");
    // One that a crash left would keep its own mode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(link)?)?;
    if durable {
        file.sync_data()?;
    }
    fs::rename(&new, head(dir))?;
    if durable {
        sync_directory(&new)?;
    }
    Ok(())
}
