//! A time of the week in which faults are allowed.

use super::{Days, TimeOfDay, Zone};
use crate::error::Error;
use jiff::{Timestamp, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// From one time of day to another, on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days it begins. None: on every day.
    #[serde(default)]
    #[schemars(schema_with = "super::super::schema::days")]
    pub days: Vec<Days>,
    /// When it begins.
    #[schemars(schema_with = "super::super::schema::time_of_day")]
    pub from: TimeOfDay,
    /// When it ends; if that is earlier than `from`, on the next day.
    #[schemars(schema_with = "super::super::schema::time_of_day")]
    pub to: TimeOfDay,
}

impl Window {
    pub(super) fn validate(&self, key: &str) -> Result<(), Error> {
        if self.from == self.to || self.from == TimeOfDay::END {
            return Err(Error::usage(format!("the window from {} to {} holds no time", self.from, self.to))
                .hint("for a whole day write from: \"00:00\", to: \"24:00\"")
                .limit(key, self.from, "a time before the window's end"));
        }
        Ok(())
    }

    /// When the window that begins on `date` begins and ends, if there is one. The end itself is outside.
    ///
    /// Where the clock is changed, a time that comes twice or never is read so that the window is the shorter one.
    pub(super) fn on(&self, date: Date, zone: &Zone) -> Option<(Timestamp, Timestamp)> {
        let day = date.weekday();
        if !self.days.is_empty() && !self.days.iter().any(|days| days.hold(day)) {
            return None;
        }
        let last = if self.to < self.from { date.tomorrow().ok()? } else { date };
        let begins = zone.rules.to_ambiguous_timestamp(at(date, self.from)?).later().ok()?;
        let ends = zone.rules.to_ambiguous_timestamp(at(last, self.to)?).earlier().ok()?;
        (begins < ends).then_some((begins, ends))
    }
}

fn at(date: Date, time: TimeOfDay) -> Option<jiff::civil::DateTime> {
    match time.parts() {
        (24, _) => Some(date.tomorrow().ok()?.at(0, 0, 0, 0)),
        (hour, minute) => Some(date.at(hour, minute, 0, 0)),
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<String> = self.days.iter().map(Days::to_string).collect();
        let days = if days.is_empty() { "every day".to_owned() } else { days.join(",") };
        write!(f, "{days} {}-{}", self.from, self.to)
    }
}
