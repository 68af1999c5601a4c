//! The audit log: one JSON line a decision in `audit.ndjson` of the state directory, each tied to the one before
//! by a hash, and told to journald too.
//!
//! What the chain is worth: whoever can write the files as root can make a new chain from any line on. The copies
//! that he cannot reach tell it: journald's (with `INJECTOR_SEQ` and `INJECTOR_HASH`), and where that is sent.

mod decision;
mod files;
mod journald;
mod line;
mod report;
mod tail;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

pub use decision::{Action, Actor, Damaged, Decision, Outcome};
pub use report::{Finding, Report};
pub use verify::{last_lines, verify};

use self::{journald::Journald, line::Link, tail::Tail};
use super::journal::append::Append;
use crate::error::Error;

/// A file that would become larger than this many bytes becomes an old one.
pub const MOST: u64 = 8 * 1024 * 1024;

/// The log of a running daemon. One process writes a log; the daemon's lock sees to that.
#[derive(Debug)]
pub struct Audit {
    dir: PathBuf,
    node: String,
    most: u64,
    file: Append,
    /// The last line.
    last: Link,
    journald: Journald,
    found: Vec<String>,
}

impl Audit {
    /// Goes on with the log in `dir`, or begins one. A line that a crash tore is kept and followed by one that
    /// says so; so is all else that is wrong with the end of the log.
    ///
    /// # Errors
    /// The log cannot be read or written: nothing must be armed.
    pub fn open(dir: &Path, node: &str) -> Result<Self, Error> {
        Self::with(dir, node, MOST, Journald::default())
    }

    fn with(dir: &Path, node: &str, most: u64, journald: Journald) -> Result<Self, Error> {
        let failed = |error: io::Error| failed(dir, &error);
        DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(failed)?;
        let tail = Tail::read(dir).map_err(failed)?;
        let (last, found) = tail.judge(files::read_head(dir));
        let mut file = Append::open(&files::current(dir)).map_err(failed)?;
        file.end().map_err(failed)?;
        let mut audit =
            Self { dir: dir.to_owned(), node: node.to_owned(), most, file, last, journald, found };
        if !audit.found.is_empty() {
            let mut torn = Decision::allowed(Action::Torn, Actor::daemon()).reason(&audit.found.join("; "));
            torn.outcome = Outcome::Noted;
            // Only what a crash explains is excused by this line.
            torn.damaged = tail.damaged.into_iter().next().filter(|_| audit.found.len() == 1);
            audit.record(&torn)?;
        }
        Ok(audit)
    }

    /// What was wrong with the end of the log when it was opened; it is in the log as well.
    pub fn found(&self) -> &[String] {
        &self.found
    }

    /// Sends the copies to this datagram socket instead of journald's; for tests.
    pub fn journald(self, socket: &Path) -> Self {
        Self { journald: Journald::at(socket), ..self }
    }

    /// Appends a decision. It is on the disk when this returns, unless it is a refusal.
    ///
    /// # Errors
    /// The disk refuses, and the decision is not in the log: what it allows must not be done. To stop a fault
    /// never waits for that.
    pub fn record(&mut self, decision: &Decision) -> Result<(), Error> {
        if self.file.whole().is_none() {
            // The end of the file could not be put right after a full disk: look at it as after a crash.
            let journald = std::mem::take(&mut self.journald);
            *self = Self::with(&self.dir.clone(), &self.node.clone(), self.most, journald)?;
        }
        let seq = self.last.seq + 1;
        let at = super::halt::now();
        let (text, hash) = line::seal(seq, &self.last.hash, &at, &self.node, decision)?;
        let last = Link { seq, hash };
        self.append(&text, &last, decision.durable()).map_err(|error| failed(&self.dir, &error))?;
        self.journald.send(decision, &last);
        self.last = last;
        Ok(())
    }

    fn append(&mut self, text: &str, last: &Link, durable: bool) -> io::Result<()> {
        let before = self.file.whole().unwrap_or(0);
        if before > 0 && before + text.len() as u64 >= self.most {
            files::rotate(&self.dir)?;
            self.file = Append::open(&files::current(&self.dir))?;
            return self.append(text, last, durable);
        }
        self.file.line(text.as_bytes(), durable)?;
        files::write_head(&self.dir, last, durable).inspect_err(|_| self.file.take_back(before))
    }
}

fn failed(dir: &Path, error: &io::Error) -> Error {
    Error::failed(format!("the audit log in {} can't be kept: {error}", dir.display()))
        .hint("what can't be recorded is not armed: is the disk full, or the directory gone?")
}
