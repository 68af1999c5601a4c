//! What a failed call returns.

use super::{Errno, Outcomes, as_text};
use crate::error::Error;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What a failed call returns. In JSON exactly one of the keys `errno`, `outcome` and `short`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Returns {
    /// Always this error.
    #[serde(rename = "errno")]
    Errno(Errno),
    /// One of several errors.
    #[serde(rename = "outcome")]
    Outcomes(Outcomes),
    /// No error, and nothing read or written.
    #[serde(rename = "short")]
    Short(Short),
}

impl Returns {
    /// What is returned, a negative errno or 0, and with which weight.
    pub fn values(&self) -> Vec<(i32, u32)> {
        match self {
            Returns::Errno(errno) => vec![(-errno.number(), 1)],
            Returns::Outcomes(outcomes) => {
                outcomes.each().iter().map(|(errno, weight)| (-errno.number(), *weight)).collect()
            }
            Returns::Short(_) => vec![(0, 1)],
        }
    }
}

impl fmt::Display for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Returns::Errno(errno) => errno.fmt(f),
            Returns::Outcomes(outcomes) => outcomes.fmt(f),
            Returns::Short(_) => f.write_str("0 bytes"),
        }
    }
}

/// The three keys as given, by JSON or by flags.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// [`Returns::Errno`]
    pub errno: Option<Errno>,
    /// [`Returns::Outcomes`]
    pub outcome: Option<Outcomes>,
    /// [`Returns::Short`]
    pub short: Option<Short>,
}

impl Given {
    /// The one that was given; `None` if there is none.
    ///
    /// # Errors
    /// Usage: two were given.
    pub fn one(self) -> Result<Option<Returns>, Error> {
        let given = [
            ("errno", self.errno.map(Returns::Errno)),
            ("outcome", self.outcome.map(Returns::Outcomes)),
            ("short", self.short.map(Returns::Short)),
        ];
        let mut given = given.into_iter().filter_map(|(key, returns)| returns.map(|returns| (key, returns)));
        match (given.next(), given.next()) {
            (Some((one, _)), Some((other, _))) => {
                Err(Error::usage(format!("`{one}` and `{other}` can't both say what the call returns"))
                    .hint(format!("leave out `{one}` or `{other}`")))
            }
            (one, _) => Ok(one.map(|(_, returns)| returns)),
        }
    }
}

/// `0`: a read or write that did nothing, and is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short;

impl FromStr for Short {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        match asked.parse::<i64>() {
            Ok(0) => Ok(Self),
            Ok(1..) => Err(Error::usage(format!("a call can't be made {asked} bytes short"))
                .hint("it fails before it begins, so no byte is moved: only 0 is true")),
            _ => {
                Err(Error::usage(format!("`{}` is not a number of bytes", asked.escape_debug()))
                    .hint("write 0"))
            }
        }
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0")
    }
}

as_text!(Short, "0");
