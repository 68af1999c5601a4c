//! New connections, or those that there are.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// Which packets of TCP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connections {
    /// Packets that begin a connection: those with SYN.
    New,
    /// All other packets.
    Established,
}

impl FromStr for Connections {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "new" => Ok(Connections::New),
            "established" => Ok(Connections::Established),
            _ => Err(Error::usage(format!("`{}` says nothing of connections", text.escape_debug()))
                .hint("write new or established")),
        }
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Connections::New => "new",
            Connections::Established => "established",
        })
    }
}

as_text!(Connections, "new or established");
