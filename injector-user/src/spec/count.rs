//! `10`: how many.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// A whole number of 1 or more. What more it must be, whoever takes it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(u32);

impl Count {
    /// The number, 1 or more.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Refuses what is not in `least..=most`; `what` begins the sentence, as in "a share of every".
    pub(super) fn within(self, what: &str, least: u32, most: u32) -> Result<u32, Error> {
        if (least..=most).contains(&self.0) {
            return Ok(self.0);
        }
        Err(Error::usage(format!("{what} {self} is out of range")).hint(format!("it is {least} to {most}")))
    }
}

impl FromStr for Count {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        let wrong = |why: &str| {
            Error::usage(format!("`{}` {why}", asked.escape_debug()))
                .hint("write a whole number of 1 or more")
        };
        if asked.is_empty() || !asked.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong("is not a count"));
        }
        match asked.parse::<u32>() {
            Ok(0) => Err(wrong("would never act")),
            Ok(number) => Ok(Count(number)),
            Err(_) => Err(wrong("is too much")),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

as_text!(Count, "a count such as 10");
