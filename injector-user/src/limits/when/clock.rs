//! `09:00`: a time of day.

use crate::error::Error;
use crate::spec::as_text;
use std::{fmt, str::FromStr};

/// Hours and minutes from `00:00` to `24:00`, the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// `24:00`.
    pub(super) const END: TimeOfDay = TimeOfDay(24 * 60);

    /// Hour and minute; (24, 0) for the end of the day.
    pub(super) fn parts(self) -> (i8, i8) {
        ((self.0 / 60) as i8, (self.0 % 60) as i8)
    }
}

impl FromStr for TimeOfDay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |digits: &str| {
            let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|_| two)
        };
        let minutes = text
            .split_once(':')
            .and_then(|(hours, minutes)| Some((number(hours)?, number(minutes)?)))
            .filter(|(hours, minutes)| *minutes < 60 && hours * 60 + minutes <= Self::END.0)
            .map(|(hours, minutes)| hours * 60 + minutes);
        minutes.map(TimeOfDay).ok_or_else(|| {
            Error::usage(format!("`{}` is not a time of day", text.escape_debug()))
                .hint("write hours and minutes, 00:00 to 24:00, such as \"09:00\"")
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes) = self.parts();
        write!(f, "{hours:02}:{minutes:02}")
    }
}

as_text!(TimeOfDay, "a time of day such as \"09:00\"");
