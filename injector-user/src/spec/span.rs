//! `80ms`, `1m30s`: a length of time that always says its unit.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The units, longest first, and their length in microseconds.
const UNITS: [(&str, u64); 5] =
    [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

/// A length of time in whole microseconds; 0 is possible and refused where a fault needs more.
///
/// Written as whole numbers with units, longest unit first and each at most once: `500us`, `80ms`, `30s`,
/// `1m30s`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Span(micros)
    }

    /// From milliseconds; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Span(millis.saturating_mul(1_000))
    }

    /// From seconds; saturates.
    pub const fn from_secs(seconds: u64) -> Self {
        Span(seconds.saturating_mul(1_000_000))
    }

    /// In microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// As std's type.
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Whether it is 0.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; saturates.
    pub const fn plus(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        let not_a_span = || {
            Error::usage(format!("`{asked}` is not a duration"))
                .hint("write whole numbers with units, longest first: 500us, 80ms, 30s, 1m30s, 1h")
        };
        if asked.is_empty() {
            return Err(not_a_span());
        }
        if asked.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::usage(format!("`{asked}` has no unit"))
                .hint(format!("write {asked}us, {asked}ms, {asked}s, {asked}m or {asked}h")));
        }
        let (mut rest, mut total, mut longest) = (asked, 0u64, 0);
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let known = UNITS.iter().skip(longest).position(|(name, _)| *name == unit);
            let (false, Some(position)) = (number.is_empty(), known) else { return Err(not_a_span()) };
            let length = UNITS[longest + position].1;
            longest += position + 1;
            total = number
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(length))
                .and_then(|micros| total.checked_add(micros))
                .ok_or_else(|| Error::usage(format!("`{asked}` is too long")).hint("write less, e.g. 5m"))?;
            rest = after;
        }
        Ok(Span(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Duration {
        span.duration()
    }
}

as_text!(Span, "a duration with a unit, such as \"30s\"");
