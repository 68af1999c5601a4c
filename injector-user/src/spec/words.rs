//! Free text that a person gives along: a hypothesis, a ticket.

use super::as_text;
use crate::error::Error;
use std::{fmt, str::FromStr};

/// One line, 1 to 500 characters, without control characters: it ends up in logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Words(String);

/// The most characters.
const MOST: usize = 500;

impl Words {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Words {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::usage("the text is empty").hint("write a line, or leave the key out"));
        }
        if text.chars().count() > MOST {
            return Err(Error::usage(format!("the text has more than {MOST} characters"))
                .hint("write one line, and put the rest in the ticket"));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::usage("the text has control characters").hint("write one line"));
        }
        Ok(Words(text.to_owned()))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(Words, "one line of text");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_not_empty() {
        assert_eq!(" OPS-1 ".parse::<Words>().unwrap().as_str(), "OPS-1");
        for wrong in ["", "  ", "a\nb", "a\x1b[2Jb", &"x".repeat(501)] {
            assert!(wrong.parse::<Words>().is_err(), "{wrong:?}");
        }
    }
}
