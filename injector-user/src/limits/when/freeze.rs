//! Dates on which nothing is armed.

use super::Zone;
use crate::error::Error;
use crate::spec::{Words, as_text};
use jiff::{Timestamp, civil};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A day: `2026-12-20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(civil::Date);

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // jiff's own parser takes more: times, and dates without separators.
        let date = text.parse::<civil::Date>().ok().filter(|date| date.to_string() == text);
        date.map(Date).ok_or_else(|| {
            Error::usage(format!("`{}` is not a date", text.escape_debug()))
                .hint("write year, month and day: 2026-12-20")
        })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

as_text!(Date, "a date such as 2026-12-20");

/// From the beginning of one day to the end of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The first day.
    #[schemars(schema_with = "super::super::schema::date")]
    pub from: Date,
    /// The last day, all of it.
    #[schemars(schema_with = "super::super::schema::date")]
    pub to: Date,
    /// Why; it stands in the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::super::schema::words")]
    pub why: Option<Words>,
}

impl Freeze {
    pub(super) fn validate(&self, key: &str) -> Result<(), Error> {
        if self.to < self.from {
            return Err(Error::usage(format!(
                "the freeze ends on {}, before it begins on {}",
                self.to, self.from
            ))
            .hint("write the earlier date first")
            .limit(&format!("{key}.to"), self.to, self.from));
        }
        Ok(())
    }

    /// When it begins and ends; the end itself is outside. `None`: beyond the calendar.
    pub(super) fn span(&self, zone: &Zone) -> Option<(Timestamp, Timestamp)> {
        let midnight = |date: civil::Date| date.to_zoned(zone.rules.clone()).ok().map(|at| at.timestamp());
        Some((midnight(self.from.0)?, midnight(self.to.0.tomorrow().ok()?)?))
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}
