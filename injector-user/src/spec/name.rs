//! The name that a person gives to a fault.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

const LONGEST: usize = 32;

/// A fault's own name: `[a-z0-9][a-z0-9-]{0,31}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultName(String);

impl FaultName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FaultName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let well_formed = !text.starts_with('-') && text.bytes().all(letters);
        if text.is_empty() || text.len() > LONGEST || !well_formed {
            return Err(Error::usage(format!("`{}` is not a fault's name", text.escape_debug()))
                .hint("write 1 to 32 of a-z, 0-9 and -, not starting with -"));
        }
        Ok(FaultName(text.to_owned()))
    }
}

impl fmt::Display for FaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(FaultName, "a fault's name such as \"drop-db\"");
