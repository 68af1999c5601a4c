//! Whose address: any, a network's, or a name's.

use super::as_text;
use crate::error::Error;
use ipnet::IpNet;
use std::fmt;
use std::str::FromStr;

/// The longest name and the longest part of one, in bytes (RFC 1035, section 2.3.4; 253 without the root's dot).
const LONGEST: (usize, usize) = (253, 63);

/// Whose address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// Any IPv4 or IPv6 address.
    Any,
    /// An address in this network, which is without host bits.
    Net(IpNet),
    /// One of the addresses that this name has. It is not looked up here.
    Name(HostName),
}

/// A DNS name in lower case without the closing dot: parts of `a-z`, `0-9`, `-` and `_`, the last with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// The name as text, 1 to 253 bytes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let wrong = |hint: String| {
            Err(Error::usage(format!("`{}` is not a host name", text.escape_debug())).hint(hint))
        };
        let (longest, longest_part) = LONGEST;
        if name.is_empty() || name.len() > longest {
            return wrong(format!("a name has 1 to {longest} letters, as in db.internal"));
        }
        for part in name.split('.') {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if part.is_empty() || part.len() > longest_part {
                return wrong(format!("between the dots are 1 to {longest_part} letters, as in db.internal"));
            }
            if !part.bytes().all(letters) || part.starts_with('-') || part.ends_with('-') {
                return wrong(
                    "its parts are of a-z, 0-9 and -, with - only inside, as in db.internal".into(),
                );
            }
        }
        // After RFC 3696, section 2: so that no address and no ports can be taken for a name.
        if !name.rsplit('.').next().is_some_and(|last| last.contains(|c: char| c.is_ascii_alphabetic())) {
            return wrong("its last part needs a letter; an address is four numbers of 0 to 255".into());
        }
        Ok(HostName(name))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(HostName, "a host name such as \"db.internal\"");
