//! What a person may do alone.

use super::Consulted;
use super::check::Size;
use crate::spec::{Percent, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Above one of these a second person must approve; each at most the hard limit, and without a key only that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Soft {
    /// Share of packets or calls; at most `max_percent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_percent")]
    pub percent: Option<Percent>,
    /// How long; at most `max_ttl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_span")]
    pub ttl: Option<Span>,
    /// Longest delay, jitter included; at most `max_delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_span")]
    pub delay: Option<Span>,
    /// Cgroups touched; at most `max_cgroups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroups: Option<u32>,
    /// Processes touched; at most `max_processes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
}

impl Soft {
    /// Every soft limit that a fault of this size is over.
    pub(super) fn exceeded(&self, size: &Size) -> Vec<Consulted> {
        let over = [
            over("soft.percent", size.percent, self.percent),
            over("soft.ttl", Some(size.ttl), self.ttl),
            over("soft.delay", size.delay, self.delay),
            over("soft.cgroups", Some(size.cgroups), self.cgroups.map(u64::from)),
            over("soft.processes", Some(size.processes), self.processes.map(u64::from)),
        ];
        over.into_iter().flatten().collect()
    }
}

fn over<T: PartialOrd + Display>(
    limit: &'static str,
    asked: Option<T>,
    soft: Option<T>,
) -> Option<Consulted> {
    let (asked, soft) = (asked?, soft?);
    (asked > soft).then(|| Consulted { limit, asked: asked.to_string(), allowed: soft.to_string() })
}
