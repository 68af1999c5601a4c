//! Reading a journal that a daemon left, however it ended: whole good lines are used, the rest is reported.

use std::{fmt, fs, io::ErrorKind, path::Path};

use super::{Entry, boot_id, path};

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1; 0: the whole file.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "the journal {}", self.what),
            line => write!(f, "line {line} of the journal: {}", self.what),
        }
    }
}

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Its good lines, in order.
    pub entries: Vec<Entry>,
    /// The others.
    pub problems: Vec<Problem>,
}

/// What was unfinished when the daemon ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Ids of faults that began and never ended. They do not act: they ended with their daemon, or its kernel.
    pub faults: Vec<String>,
    /// clsact qdiscs that it made: (inode of the namespace, interface). None after a reboot.
    pub clsact: Vec<(u64, u32)>,
    /// The host was started again since: nothing of it is in the kernel, and its numbers mean other things now.
    pub another_boot: bool,
    /// Lines that could not be used.
    pub problems: Vec<Problem>,
}

/// Reads the journal in `path`; no journal is an empty one.
pub fn read(path: &Path) -> Contents {
    match fs::read(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Contents::default(),
        Err(error) => {
            let what = format!("{} can't be read: {error}", path.display());
            Contents { entries: Vec::new(), problems: vec![Problem { line: 0, what }] }
        }
    }
}

/// Reads a journal's text.
pub fn parse(text: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (line, torn) = match line.strip_suffix(b"\n") {
            Some(line) => (line, false),
            None => (line, true),
        };
        // What could not be cut off a full disk is closed by a newline, which may leave an empty line.
        if line.is_empty() {
            continue;
        }
        match Entry::unseal(line) {
            Ok(entry) => contents.entries.push(entry),
            Err(error) => {
                let what = if torn { "it is torn: it has no end".into() } else { format!("{error:#}") };
                contents.problems.push(Problem { line: index + 1, what });
            }
        }
    }
    contents
}

/// What is unfinished in `entries`, seen from the boot `now`.
pub fn unfinished(entries: &[Entry], now: &str) -> Left {
    let mut left = Left::default();
    for entry in entries {
        match entry {
            Entry::Begin { id, .. } => left.faults.push(id.clone()),
            Entry::End { id, .. } => left.faults.retain(|begun| begun != id),
            // It has begun before.
            Entry::More { .. } => {}
            Entry::Clsact { made } => left.clsact.extend(made),
            Entry::Daemon { boot, .. } => left.another_boot = boot != now,
        }
    }
    left.clsact.sort_unstable();
    left.clsact.dedup();
    if left.another_boot {
        left.clsact.clear();
    }
    left
}

/// What the daemon before left unfinished, by the journal in `run_dir`.
pub fn left(run_dir: &Path) -> Left {
    let Contents { entries, problems } = read(&path(run_dir));
    Left { problems, ..unfinished(&entries, &boot_id()) }
}
