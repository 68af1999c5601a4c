//! The halt file: the node-wide stop lever on disk. While it is there, nothing can be armed, also after a
//! restart of the daemon or of the host.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{api::types::HaltDoc, error::Error};

/// Where the halt file is.
#[derive(Clone, Debug)]
pub struct HaltFile {
    path: PathBuf,
}

impl HaltFile {
    /// In the daemon's state directory, which survives a reboot.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join("halted") }
    }

    /// Who halted the node, if it is halted. A file that cannot be read halts it as well.
    pub fn read(&self) -> Option<HaltDoc> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(unknown(format!("{} cannot be read: {error}", self.path.display()))),
            Ok(text) => Some(
                serde_json::from_slice(&text)
                    .unwrap_or_else(|_| unknown(format!("{} has no readable text", self.path.display()))),
            ),
        }
    }

    /// Writes it, unless it is there already: the first who halted is the one to ask.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub fn write(&self, by: &str, why: &str) -> Result<HaltDoc, Error> {
        if let Some(there) = self.read() {
            return Ok(there);
        }
        let doc = HaltDoc { by: by.to_owned(), why: why.to_owned(), since: now() };
        let failed = |error: std::io::Error| {
            Error::failed(format!("the halt file {} cannot be written: {error}", self.path.display()))
                .hint("everything is stopped all the same, but a new daemon would not know")
        };
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let text = serde_json::to_vec(&doc).map_err(|error| Error::failed(error.to_string()))?;
        fs::write(&self.path, text).map_err(failed)?;
        Ok(doc)
    }

    /// Removes it.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn remove(&self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::failed(format!(
                "the halt file {} cannot be removed: {error}",
                self.path.display()
            ))),
        }
    }
}

fn unknown(why: String) -> HaltDoc {
    HaltDoc { by: "?".to_owned(), why, since: "?".to_owned() }
}

/// The present time, RFC 3339, UTC.
pub fn now() -> String {
    stamp(SystemTime::now())
}

/// A time, RFC 3339, UTC.
pub fn stamp(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_who_halts_is_remembered_and_garbage_halts_too() {
        let directory = tempfile::tempdir().unwrap();
        let file = HaltFile::new(directory.path());
        assert_eq!(file.read(), None);
        let first = file.write("alice", "pager").unwrap();
        assert_eq!(file.write("bob", "me too").unwrap(), first);
        assert_eq!(file.read(), Some(first));
        file.remove().unwrap();
        file.remove().unwrap();
        fs::write(directory.path().join("halted"), "").unwrap();
        assert_eq!(file.read().unwrap().by, "?");
    }
}
