//! How delays vary around their mean.

use super::{LatencyTable, Span, text::from_text};
use crate::error::Error;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;
use std::str::FromStr;

/// How delays vary around their mean. In JSON a name, or `{"measured": ["1ms", "2ms500us", ...]}`; a list alone
/// means the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Distribution {
    /// Every delay within the jitter is as likely as every other.
    #[default]
    Uniform,
    /// The jitter is the standard deviation of a bell curve, cut off at 4 of them (netem's table, as the next two).
    Normal,
    /// A long tail of late packets.
    Pareto,
    /// A quarter normal and three quarters Pareto.
    Paretonormal,
    /// The shape of measured latencies.
    Table(LatencyTable),
}

/// The names, and what they stand for.
const NAMED: [(&str, Distribution); 4] = [
    ("uniform", Distribution::Uniform),
    ("normal", Distribution::Normal),
    ("pareto", Distribution::Pareto),
    ("paretonormal", Distribution::Paretonormal),
];

/// The only key of the long form.
const MEASURED: &str = "measured";

impl Distribution {
    /// Whether it is the default.
    pub fn is_uniform(&self) -> bool {
        matches!(self, Distribution::Uniform)
    }
}

/// The names only: measured latencies are not one word.
impl FromStr for Distribution {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = NAMED.into_iter().find(|(name, _)| *name == text);
        named.map(|(_, distribution)| distribution).ok_or_else(|| {
            Error::usage(format!("`{}` is not a distribution", text.escape_debug()))
                .hint("write uniform, normal, pareto or paretonormal, or give measured latencies")
        })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMED.into_iter().find(|(_, distribution)| distribution == self);
        f.write_str(named.map_or(MEASURED, |(name, _)| name))
    }
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Distribution::Table(table) = self else { return serializer.collect_str(self) };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(MEASURED, &table.spans().collect::<Vec<_>>())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms)
    }
}

struct Forms;

impl<'de> Visitor<'de> for Forms {
    type Value = Distribution;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a distribution such as \"normal\", or measured latencies")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Distribution, E> {
        from_text(de::value::StrDeserializer::<E>::new(text), "a distribution such as \"normal\"")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Distribution, A::Error> {
        let spans = std::iter::from_fn(|| seq.next_element::<Span>().transpose());
        let spans = spans.collect::<Result<Vec<_>, _>>()?;
        LatencyTable::new(spans).map(Distribution::Table).map_err(de::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distribution, A::Error> {
        let mut spans = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != MEASURED {
                return Err(de::Error::unknown_field(&key, &[MEASURED]));
            }
            if spans.replace(map.next_value::<Vec<Span>>()?).is_some() {
                return Err(de::Error::duplicate_field(MEASURED));
            }
        }
        let spans = spans.ok_or_else(|| de::Error::missing_field(MEASURED))?;
        LatencyTable::new(spans).map(Distribution::Table).map_err(de::Error::custom)
    }
}
