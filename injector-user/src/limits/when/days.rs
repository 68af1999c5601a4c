//! `mon`, `mon..fri`: days of the week.

use crate::error::Error;
use crate::spec::as_text;
use jiff::civil::Weekday;
use std::{fmt, str::FromStr};

const NAMES: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// One day, or the days from one to another, both included; `fri..mon` goes over the end of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    from: Weekday,
    to: Weekday,
}

impl Days {
    /// Whether `day` is one of them.
    pub(super) fn hold(self, day: Weekday) -> bool {
        let after =
            |day: Weekday| (day.to_monday_zero_offset() - self.from.to_monday_zero_offset()).rem_euclid(7);
        after(day) <= after(self.to)
    }
}

/// The short name of a day.
pub(super) fn name(day: Weekday) -> &'static str {
    NAMES.into_iter().find(|(_, known)| *known == day).map_or("?", |(name, _)| name)
}

impl FromStr for Days {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let day = |text: &str| {
            let known = NAMES.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
            known.map(|(_, day)| day).ok_or_else(|| {
                Error::usage(format!("`{}` is not a day of the week", text.escape_debug()))
                    .hint("write mon, tue, wed, thu, fri, sat or sun, or a range such as mon..fri")
            })
        };
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        Ok(Days { from: day(from)?, to: day(to)? })
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(self.from))?;
        if self.from != self.to {
            write!(f, "..{}", name(self.to))?;
        }
        Ok(())
    }
}

as_text!(Days, "a day such as \"mon\" or a range such as \"mon..fri\"");
