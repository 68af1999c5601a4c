//! What a look at the log finds.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// Something about one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which file.
    pub file: PathBuf,
    /// Counted from 1; 0: the file as a whole.
    pub line: usize,
    /// What.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, " line {}", self.line)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What [`verify`](super::verify) found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many lines were read.
    pub lines: u64,
    /// Number of the last one.
    pub last_seq: u64,
    /// Its hash; 64 zeros if there is no line.
    pub last_hash: String,
    /// Changed, removed, inserted and reordered lines.
    pub problems: Vec<Finding>,
    /// What a crash explains.
    pub notes: Vec<Finding>,
}

impl Report {
    /// Is every line as it was written, and where it was written?
    pub fn whole(&self) -> bool {
        self.problems.is_empty()
    }
}
