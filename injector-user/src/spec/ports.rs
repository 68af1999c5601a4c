//! `80`, `8000-8999`: a port, or several.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// A range of ports, both ends in it: `1 <= low <= high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    /// The first.
    pub low: u16,
    /// The last.
    pub high: u16,
}

impl Ports {
    /// One port.
    pub const fn one(port: u16) -> Self {
        Ports { low: port, high: port }
    }

    /// Whether `port` is one of them.
    pub const fn contains(&self, port: u16) -> bool {
        self.low <= port && port <= self.high
    }

    /// The port, if it is one.
    pub const fn single(&self) -> Option<u16> {
        if self.low == self.high { Some(self.low) } else { None }
    }
}

impl FromStr for Ports {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some((low, high)) = text.split_once('-').filter(|(low, _)| !low.is_empty()) else {
            return port(text).map(Ports::one);
        };
        let (low, high) = (port(low)?, port(high)?);
        if low > high {
            return Err(Error::usage(format!("the ports {low}-{high} are turned round"))
                .hint(format!("write {high}-{low}")));
        }
        Ok(Ports { low, high })
    }
}

fn port(text: &str) -> Result<u16, Error> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(Error::usage(format!("`{}` is not a port", text.escape_debug()))
            .hint("a port is a number from 1 to 65535")),
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(port) => write!(f, "{port}"),
            None => write!(f, "{}-{}", self.low, self.high),
        }
    }
}

as_text!(Ports, "ports such as 80 or \"8000-8999\"");
