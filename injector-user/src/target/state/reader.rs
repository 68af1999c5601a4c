//! Files that others write: bounded, and never waited for.

use serde::de::DeserializeOwned;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How many entries of a directory are read: a node has a few hundred containers.
const MOST_ENTRIES: usize = 4096;
/// How many unreadable files an error names.
const LISTED: usize = 3;

/// Reads below a root, and remembers where it looked and what it could not read.
pub(in crate::target) struct Reader<'a> {
    root: &'a Path,
    places: Vec<String>,
    wrong: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(in crate::target) fn new(root: &'a Path) -> Self {
        Self { root, places: Vec::new(), wrong: Vec::new() }
    }

    /// Remembers that things were looked for at `place`.
    pub(super) fn look(&mut self, place: &str) {
        let place = format!("/{place}");
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    /// The names in a directory, ascending; none if it is not there.
    pub(super) fn names(&mut self, directory: &str) -> Vec<String> {
        let entries = match fs::read_dir(self.root.join(directory)) {
            Ok(entries) => entries,
            Err(error) => {
                self.failed(directory, &error);
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries
            .take(MOST_ENTRIES + 1)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        if names.len() > MOST_ENTRIES {
            self.wrong.push(format!("/{directory} has more than {MOST_ENTRIES} entries"));
            names.truncate(MOST_ENTRIES);
        }
        names.sort();
        names
    }

    /// What a JSON file of at most `most` bytes says; `None` if it is not there or not readable.
    pub(super) fn json<T: DeserializeOwned>(&mut self, file: &str, most: u64) -> Option<T> {
        let bytes = match bounded(&self.root.join(file), most) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.failed(file, &error);
                return None;
            }
        };
        // serde's own words quote the file, and a container's configuration may hold secrets.
        let unlike = |error: serde_json::Error| {
            format!("/{file} is not as expected at line {}, column {}", error.line(), error.column())
        };
        serde_json::from_slice(&bytes).map_err(|error| self.wrong.push(unlike(error))).ok()
    }

    fn failed(&mut self, path: &str, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.wrong.push(format!("/{path}: {error}"));
        }
    }

    /// `looked at A and B; could not read C`
    pub(in crate::target) fn story(&self) -> String {
        let looked = format!("looked at {}", self.places.join(", "));
        if self.wrong.is_empty() {
            return looked;
        }
        let some: Vec<String> =
            self.wrong.iter().take(LISTED).map(|wrong| wrong.escape_debug().to_string()).collect();
        let more = match self.wrong.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{looked}; left out: {}{more}", some.join(", "))
    }
}

/// A regular file's bytes. Nothing waits for the other end of a pipe.
fn bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("larger than {most} bytes")));
    }
    Ok(bytes)
}
