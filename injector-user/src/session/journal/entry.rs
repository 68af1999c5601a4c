//! What a line of the journal says, and the checksum that it carries.
//!
//! A line is one JSON document: `{"sum":"<16 hex digits>","event":...}`. The sum is the beginning of the SHA-256 of
//! all that follows it and its comma.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::plan::Step;

/// Hex digits of the sum.
const DIGITS: usize = 16;

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
    /// A fault is about to be attached to what came after it was armed.
    More {
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

impl Entry {
    /// The line, without a newline.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn seal(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(self)?;
        let rest = text.strip_prefix(b"{").context("an entry is a JSON object")?;
        let mut line = format!(r#"{{"sum":"{}","#, sum(rest)).into_bytes();
        line.extend_from_slice(rest);
        Ok(line)
    }

    /// Reads a line.
    ///
    /// # Errors
    /// It is no line of a journal, or not as it was written.
    pub fn unseal(line: &[u8]) -> Result<Self> {
        let after = line.strip_prefix(br#"{"sum":""#).context("it has no checksum")?;
        let (stated, rest) = after.split_at_checked(DIGITS).context("its checksum is cut off")?;
        let rest = rest.strip_prefix(br#"","#).context("its checksum has no end")?;
        if stated != sum(rest).as_bytes() {
            bail!("its checksum is wrong");
        }
        serde_json::from_slice(&[b"{", rest].concat()).context("it can't be read")
    }
}

fn sum(bytes: &[u8]) -> String {
    let mut hex = hex(&Sha256::digest(bytes));
    hex.truncate(DIGITS);
    hex
}

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a String does not fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_and_carries_its_sum() {
        let entry = Entry::End { id: "drop-7k3".into(), at: "t".into() };
        let line = entry.seal().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((json["event"].as_str(), json["sum"].as_str().map(str::len)), (Some("end"), Some(DIGITS)));
        assert_eq!(Entry::unseal(&line).unwrap(), entry);
        let changed = String::from_utf8(line).unwrap().replace("7k3", "7k4");
        assert!(Entry::unseal(changed.as_bytes()).unwrap_err().to_string().contains("checksum"));
    }
}
