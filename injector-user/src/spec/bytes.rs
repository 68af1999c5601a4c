//! `64KiB`: how many bytes.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The units, longest first, and how many bytes they are.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// The most, 1 GiB: the kernel keeps it in 32 bits.
const MOST: u64 = 1 << 30;

/// A number of bytes, 1 B to 1 GiB. Written as a whole number with a unit: `1500B`, `64KiB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// From a number; `None` unless it is 1 to 1,073,741,824.
    pub const fn new(bytes: u64) -> Option<Self> {
        if bytes == 0 || bytes > MOST { None } else { Some(Bytes(bytes)) }
    }

    /// From 1 to 1,024 times 1,048,576 bytes; what is not is held within.
    pub const fn mebibytes(mebibytes: u16) -> Self {
        let held = if mebibytes == 0 {
            1
        } else if mebibytes > 1024 {
            1024
        } else {
            mebibytes
        };
        Bytes((held as u64) << 20)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Bytes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        let digits = asked.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = asked.split_at(digits);
        if unit.is_empty() && !number.is_empty() {
            return Err(Error::usage(format!("`{asked}` has no unit"))
                .hint(format!("write {asked}B, {asked}KiB or {asked}MiB")));
        }
        let unit = UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
        let (false, Some((_, length))) = (number.is_empty(), unit) else {
            return Err(Error::usage(format!("`{}` is not a number of bytes", asked.escape_debug()))
                .hint("write a whole number with a unit: 1500B, 64KiB, 1MiB"));
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(length));
        bytes
            .and_then(Bytes::new)
            .ok_or_else(|| Error::usage(format!("{asked} is out of range")).hint("it is 1B to 1GiB"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, length)| self.0.is_multiple_of(*length));
        let (unit, length) = whole.unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / length)
    }
}

as_text!(Bytes, "a number of bytes such as \"64KiB\"");
