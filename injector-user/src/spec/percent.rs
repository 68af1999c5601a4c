//! `5`, `5%`, `0.0001`: how often a fault acts, exact.

use super::text::from_text;
use crate::error::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const UNITS_PER_PERCENT: u32 = 10_000;
const DECIMALS: usize = 4;

/// A share of packets or calls, in steps of 0.0001 %, from 0.0001 % to 100 %. Never 0.
///
/// Written as a decimal with at most 4 decimals and an optional `%`; in JSON a number. Parsed digit by digit,
/// never through a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// 100 %.
    pub const ALL: Percent = Percent(100 * UNITS_PER_PERCENT);

    /// From units of 0.0001 %; `None` unless it is in `1..=1_000_000`.
    pub const fn from_units(units: u32) -> Option<Self> {
        if units == 0 || units > Self::ALL.0 { None } else { Some(Percent(units)) }
    }

    /// From whole percents, held within 1 to 100.
    pub const fn whole(percent: u8) -> Self {
        let percent = if percent == 0 {
            1
        } else if percent > 100 {
            100
        } else {
            percent as u32
        };
        Percent(percent * UNITS_PER_PERCENT)
    }

    /// In units of 0.0001 %: `1..=1_000_000`.
    pub const fn units(self) -> u32 {
        self.0
    }

    /// The probability as a 32-bit threshold in `1..=2^32`: act if a uniform 32-bit draw is below it.
    /// Rounded to nearest; 100 % is exactly 2^32, so that no draw escapes it (DECISIONS.md 3).
    pub const fn threshold(self) -> u64 {
        let all = Self::ALL.0 as u64;
        (((self.0 as u64) << 32) + all / 2) / all
    }

    /// The probability in (0, 1], for statistics only; what the kernel does is [`threshold`](Self::threshold).
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }

    /// The percentage as a float, for JSON and metrics: its shortest decimal is the exact one.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(UNITS_PER_PERCENT)
    }
}

impl FromStr for Percent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        let number = asked.strip_suffix('%').unwrap_or(asked).trim_end();
        let not_a_percent = || {
            Error::usage(format!("`{asked}` is not a percent"))
                .hint("write a decimal between 0.0001 and 100, such as 5 or 0.25")
        };
        let out_of_range =
            |why| Error::usage(format!("{number} % {why}")).hint("a percent is between 0.0001 and 100");
        let (whole, decimals) = match number.split_once('.') {
            Some((_, "")) => return Err(not_a_percent()),
            Some(parts) => parts,
            None => (number, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) {
            return Err(not_a_percent());
        }
        if decimals.len() > DECIMALS {
            return Err(Error::usage(format!("{number} % has more than {DECIMALS} decimals"))
                .hint("the smallest step is 0.0001"));
        }
        let Ok(whole) = whole.parse::<u32>() else { return Err(out_of_range("is more than all")) };
        let decimals: u32 = format!("{decimals:0<DECIMALS$}").parse().map_err(|_| not_a_percent())?;
        let units = whole.checked_mul(UNITS_PER_PERCENT).and_then(|units| units.checked_add(decimals));
        match units {
            Some(0) => Err(out_of_range("would never act")),
            Some(units) if units <= Self::ALL.0 => Ok(Percent(units)),
            _ => Err(out_of_range("is more than all")),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / UNITS_PER_PERCENT, self.0 % UNITS_PER_PERCENT);
        if decimals == 0 {
            return write!(f, "{whole}%");
        }
        let decimals = format!("{decimals:04}");
        write!(f, "{whole}.{}%", decimals.trim_end_matches('0'))
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(UNITS_PER_PERCENT) {
            serializer.serialize_u32(self.0 / UNITS_PER_PERCENT)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a percent such as 5 or \"0.25%\"")
    }
}
