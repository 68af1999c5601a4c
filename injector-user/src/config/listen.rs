//! An address to listen on, or none.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use super::DEFAULT_METRICS;
use crate::error::Error;

/// An address to listen on, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl FromStr for Listen {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_| {
            Error::usage(format!("`{}` is not an address to listen on", text.escape_debug()))
                .hint(format!("write ADDRESS:PORT, such as {DEFAULT_METRICS}, or off"))
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenText)
    }
}

struct ListenText;

impl Visitor<'_> for ListenText {
    type Value = Listen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ADDRESS:PORT such as {DEFAULT_METRICS}, or off")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Listen, E> {
        text.parse().map_err(E::custom)
    }

    /// `off` without quotes is YAML 1.1's `false`.
    fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Listen, E> {
        if on { Err(E::custom("on says no address: write ADDRESS:PORT")) } else { Ok(Listen(None)) }
    }
}
