//! `10mbit`: how much in a second.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The units, longest first, and how many bits a second they are: tc's, decimal.
const UNITS: [(&str, u64); 4] = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

/// What tc takes for bytes and others for bits.
const AMBIGUOUS: [&str; 5] = ["bps", "kbps", "mbps", "gbps", "tbps"];

/// Bits per second, 8 kbit/s to 100 Gbit/s. Written as a whole number with a unit: `512kbit`, `10mbit`, `1gbit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bandwidth(u64);

impl Bandwidth {
    /// From bits per second; `None` unless it is 8,000 to 100,000,000,000.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits < 8_000 || bits > 100_000_000_000 { None } else { Some(Bandwidth(bits)) }
    }

    /// In bits per second.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// In bytes per second, as the kernel's shapers count; rounded down.
    pub const fn bytes_per_second(self) -> u64 {
        self.0 / 8
    }
}

impl FromStr for Bandwidth {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        let shown = asked.escape_debug();
        let wrong = || {
            Error::usage(format!("`{shown}` is not a rate"))
                .hint("write a whole number with a unit: 512kbit, 10mbit, 1gbit")
        };
        let digits = asked.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = asked.split_at(digits);
        if number.is_empty() {
            return Err(wrong());
        }
        if unit.is_empty() {
            return Err(Error::usage(format!("`{asked}` has no unit"))
                .hint(format!("write {asked}kbit, {asked}mbit or {asked}gbit")));
        }
        let unit = unit.to_ascii_lowercase();
        if AMBIGUOUS.contains(&unit.as_str()) {
            return Err(Error::usage(format!("`{asked}` is bytes a second for tc and bits for others"))
                .hint("write bits: 512kbit, 10mbit, 1gbit"));
        }
        let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let bits = number.parse::<u64>().ok().and_then(|number| number.checked_mul(length));
        if bits == Some(0) {
            return Err(Error::usage("a rate of 0 lets nothing through").hint("that is a partition"));
        }
        bits.and_then(Bandwidth::from_bits).ok_or_else(|| {
            Error::usage(format!("a rate of {asked} is out of range")).hint("it is 8kbit to 100gbit")
        })
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, length)| self.0.is_multiple_of(*length));
        let (unit, length) = whole.unwrap_or(("bit", 1));
        write!(f, "{}{unit}", self.0 / length)
    }
}

as_text!(Bandwidth, "a rate such as \"10mbit\"");
