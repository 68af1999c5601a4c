//! A line of the audit log, and the hash that ties it to the line before.
//!
//! `{"seq":..., ..., "prev":"H1","hash":"H2"}`: H1 is the hash of the line before (64 zeros for the very first),
//! H2 the SHA-256 of H1 and the text of this line without `,"hash":"H2"`. The text itself is hashed, not what a
//! JSON reader makes of it, so that no two texts pass for the same line.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::decision::{Damaged, Decision};
use crate::{error::Error, session::journal::entry::hex};

/// What the first line of all follows on.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Where the chain is: number and hash of its last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Counted from 1; 0: no line yet.
    pub seq: u64,
    /// 64 hex digits.
    pub hash: String,
}

impl Default for Link {
    fn default() -> Self {
        Self { seq: 0, hash: NOTHING.into() }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    seq: u64,
    at: &'a str,
    node: &'a str,
    #[serde(flatten)]
    decision: &'a Decision,
    prev: &'a str,
}

/// What is read of a line to follow the chain.
#[derive(Clone, Debug, Deserialize)]
pub struct Seen {
    /// Its number.
    pub seq: u64,
    /// Its action.
    pub action: String,
    /// Its reason.
    pub reason: Option<String>,
    /// What it says of bytes before it.
    pub damaged: Option<Damaged>,
    /// Hash of the line before.
    pub prev: String,
    /// Its own, as it states.
    pub hash: String,
    /// Whether that is the hash of its text.
    #[serde(skip)]
    pub genuine: bool,
}

/// The line after `prev` with number `seq`, without a newline, and its hash.
///
/// # Errors
/// It cannot be written as JSON.
pub fn seal(
    seq: u64,
    prev: &str,
    at: &str,
    node: &str,
    decision: &Decision,
) -> Result<(String, String), Error> {
    let mut text = serde_json::to_string(&Written { seq, at, node, decision, prev })
        .map_err(|error| Error::failed(format!("the audit line can't be written: {error}")))?;
    let hash = digest(prev, &text);
    text.truncate(text.len().saturating_sub(1));
    text += &format!(r#","hash":"{hash}"}}"#);
    Ok((text, hash))
}

/// Reads a line; `None`: it is none.
pub fn unseal(line: &[u8]) -> Option<Seen> {
    let text = str::from_utf8(line).ok()?;
    let mut seen: Seen = serde_json::from_str(text).ok()?;
    let end = format!(r#","hash":"{}"}}"#, seen.hash);
    seen.genuine =
        text.strip_suffix(&end).is_some_and(|text| digest(&seen.prev, &format!("{text}}}")) == seen.hash);
    Some(seen)
}

/// The SHA-256 of bytes that are no line.
pub fn damage(bytes: &[u8]) -> Damaged {
    Damaged { bytes: bytes.len(), sha256: hex(&Sha256::digest(bytes)) }
}

fn digest(prev: &str, text: &str) -> String {
    hex(&Sha256::new().chain_update(prev).chain_update(text).finalize())
}
