//! Names for cache files that change when what they were made from changes.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// A 64-bit FNV-1a hash: the same on every machine and Rust version, and nobody attacks a local cache.
pub struct Key(u64);

impl Key {
    /// The key of nothing.
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Takes in a text, and where it ends.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        self
    }

    /// Takes in a file by its path, size and time of change: reading all tools at each boot would be slow.
    pub fn file(&mut self, path: &Path) -> Result<&mut Self> {
        let facts = fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?;
        Ok(self.text(&format!("{} {} {}", path.display(), facts.size(), facts.mtime())))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// Removes files of a cache directory that were made long ago; one still in use is made again.
pub fn prune(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let made = entry.metadata()?.modified()?;
        if SystemTime::now().duration_since(made).is_ok_and(|age| age > MONTH) {
            fs::remove_file(entry.path()).ok();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_knows_where_texts_end() {
        let key = |texts: &[&str]| {
            let mut key = Key::new();
            for text in texts {
                key.text(text);
            }
            key.to_string()
        };
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_eq!(key(&["ab"]), key(&["ab"]));
    }
}
