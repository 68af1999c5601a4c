//! serde for types that are written as text.

use serde::de::{Deserializer, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Reads `T` from a string. A number is given to the same parser as its text, so that the answer to `for: 30`
/// is the parser's own ("has no unit") and not serde's ("invalid type").
pub(crate) fn from_text<'de, T, D>(deserializer: D, what: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err = crate::error::Error>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Text { what, parsed: PhantomData })
}

struct Text<T> {
    what: &'static str,
    parsed: PhantomData<T>,
}

impl<T: FromStr<Err = crate::error::Error>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    /// Rust prints the shortest decimal that reads back as the same f64: what was typed, up to 15 digits.
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        if !number.is_finite() || number.abs() >= 1e15 {
            return Err(E::custom(format_args!("{number:e} is not {}", self.what)));
        }
        self.visit_str(&number.to_string())
    }
}

/// `Serialize` by `Display` and `Deserialize` by `FromStr`. The second argument says what is expected.
macro_rules! as_text {
    ($type:ty, $what:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::spec::text::from_text(deserializer, $what)
            }
        }
    };
}
pub(crate) use as_text;
