//! Which way the packets of a fault go.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// Seen from the target: what it sends, what it receives, or both. Egress unless asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// What the target sends.
    #[default]
    Egress,
    /// What the target receives.
    Ingress,
    /// Both; each packet is drawn once.
    Both,
}

impl Direction {
    /// Whether packets that the target sends are meant.
    pub const fn egress(self) -> bool {
        matches!(self, Direction::Egress | Direction::Both)
    }

    /// Whether packets that the target receives are meant.
    pub const fn ingress(self) -> bool {
        matches!(self, Direction::Ingress | Direction::Both)
    }
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "egress" => Ok(Direction::Egress),
            "ingress" => Ok(Direction::Ingress),
            "both" => Ok(Direction::Both),
            _ => Err(Error::usage(format!("`{text}` is not a direction"))
                .hint("write egress (what the target sends), ingress or both")),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Egress => "egress",
            Direction::Ingress => "ingress",
            Direction::Both => "both",
        })
    }
}

as_text!(Direction, "egress, ingress or both");
