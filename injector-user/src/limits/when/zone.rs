//! A time zone by its name.

use crate::error::Error;
use crate::spec::as_text;
use jiff::tz::TimeZone;
use std::{fmt, str::FromStr};

/// A zone of the IANA database: the system's (/usr/share/zoneinfo), or without one that of the program.
/// Its rules are read once, when the name is.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    pub(super) rules: TimeZone,
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match TimeZone::get(text) {
            Ok(rules) if !rules.is_unknown() => Ok(Zone { name: text.to_owned(), rules }),
            _ => Err(Error::usage(format!("`{}` is not a time zone of this system", text.escape_debug()))
                .hint("write a name such as Europe/Berlin or UTC")),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

as_text!(Zone, "a time zone such as \"Europe/Berlin\"");
