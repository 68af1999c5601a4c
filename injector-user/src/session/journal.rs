//! What is about to be done to the kernel, on disk before it is done.
//!
//! One JSON document a line, appended and synced. It is kept in the run directory: a reboot clears the kernel
//! and the journal alike. A line that was torn by a crash is the last one and is left out.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::plan::Step;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// A daemon began.
    Daemon {
        /// Tag of what it makes.
        instance: String,
        /// The kernel's boot id.
        boot: String,
        /// RFC 3339.
        at: String,
    },
    /// A fault is about to be armed.
    Begin {
        /// Its id.
        id: String,
        /// What will be attached.
        steps: Vec<Step>,
        /// RFC 3339.
        at: String,
    },
    /// clsact qdiscs that we made, to be removed when nobody else uses them.
    Clsact {
        /// (inode of the namespace, interface)
        made: Vec<(u64, u32)>,
    },
    /// A fault has ended and nothing of it is left.
    End {
        /// Its id.
        id: String,
        /// RFC 3339.
        at: String,
    },
}

/// The journal of a running daemon.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

/// Where the journal is.
pub fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("journal.ndjson")
}

impl Journal {
    /// Starts anew. What an earlier daemon wrote must have been read before.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn start(run_dir: &Path, instance: &str) -> Result<Self> {
        let path = path(run_dir);
        fs::create_dir_all(run_dir).with_context(|| format!("making {}", run_dir.display()))?;
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let mut journal = Self { file, path };
        let boot =
            fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        journal.write(&Entry::Daemon { instance: instance.to_owned(), boot, at: super::halt::now() })?;
        Ok(journal)
    }

    /// Appends and syncs.
    ///
    /// # Errors
    /// The disk refuses; the caller must not go on.
    pub fn write(&mut self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("writing {}", self.path.display()))
    }
}

/// All whole lines; none if there is no journal.
pub fn read(path: &Path) -> Vec<Entry> {
    let text = fs::read(path).unwrap_or_default();
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Ids of faults that began and never ended, and the clsact qdiscs that were made.
pub fn unfinished(entries: &[Entry]) -> (Vec<String>, Vec<(u64, u32)>) {
    let (mut open, mut clsact) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Begin { id, .. } => open.push(id.clone()),
            Entry::End { id, .. } => open.retain(|begun| begun != id),
            Entry::Clsact { made } => clsact.extend(made),
            Entry::Daemon { .. } => {}
        }
    }
    clsact.sort_unstable();
    clsact.dedup();
    (open, clsact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_torn_at_any_byte_gives_its_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::start(directory.path(), "0badcafe").unwrap();
        let step = Step::DropEgress { netns: 1, index: 2, link: "eth0".into() };
        for id in ["a", "b"] {
            journal
                .write(&Entry::Begin { id: id.into(), steps: vec![step.clone()], at: "t".into() })
                .unwrap();
        }
        journal.write(&Entry::Clsact { made: vec![(1, 2), (1, 2)] }).unwrap();
        journal.write(&Entry::End { id: "a".into(), at: "t".into() }).unwrap();
        let path = path(directory.path());
        let whole = fs::read(&path).unwrap();
        assert_eq!(unfinished(&read(&path)), (vec!["b".to_owned()], vec![(1, 2)]));
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let read = read(&path).len();
            // The cut may take only the line's end away, which leaves a whole document.
            assert!(read == lines || (read == lines + 1 && whole[cut] == b'\n'), "cut at {cut}");
        }
    }
}
