//! The JSON Schema of the limits file, for editors and for those who check it before it is rolled out.

use super::Limits;
use schemars::{Schema, SchemaGenerator, json_schema, schema_for};

/// The schema of the limits file (JSON Schema 2020-12), as published in docs/limits.schema.json. It knows types, keys
/// and forms; what must fit together (soft and hard limits, names that exist) only the daemon knows.
pub fn schema() -> String {
    let mut schema = schema_for!(Limits);
    schema.insert("title".into(), "injector limits file".into());
    format!("{:#}\n", schema.to_value())
}

/// A length of time, as [`Span`](crate::spec::Span) reads it.
pub(super) fn span(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?([0-9]+us)?$",
        "examples": ["80ms", "30s", "1m30s"],
    })
}

pub(super) fn optional_span(generator: &mut SchemaGenerator) -> Schema {
    or_null(span(generator))
}

/// A number of bytes, as [`Bytes`](crate::spec::Bytes) reads it.
pub(super) fn bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[0-9]+([KMGkmg][Ii])?[Bb]$",
        "examples": ["64MiB", "512KiB"],
    })
}

/// A share, as [`Percent`](crate::spec::Percent) reads it.
pub(super) fn percent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "number", "minimum": 0.0001, "maximum": 100 },
            { "type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,4})? *%?$" },
        ],
        "examples": [5, 0.25, "20%"],
    })
}

pub(super) fn optional_percent(generator: &mut SchemaGenerator) -> Schema {
    or_null(percent(generator))
}

/// A number above 0.
pub(super) fn optional_positive(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["number", "null"], "exclusiveMinimum": 0 })
}

fn or_null(schema: Schema) -> Schema {
    json_schema!({ "anyOf": [schema, { "type": "null" }] })
}

pub(super) fn zone(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "examples": ["Europe/Berlin", "UTC"] })
}

pub(super) fn time_of_day(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "examples": ["09:00"] })
}

pub(super) fn date(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date", "examples": ["2026-12-20"] })
}

pub(super) fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "maxLength": 500 })
}

pub(super) fn days(_: &mut SchemaGenerator) -> Schema {
    list("^(mon|tue|wed|thu|fri|sat|sun)(\\.\\.(mon|tue|wed|thu|fri|sat|sun))?$", &["mon..thu", "sat"])
}

pub(super) fn protect(_: &mut SchemaGenerator) -> Schema {
    list(
        "^(cgroup|unit|pid|user|port|address|interface|syscall):.+$",
        &["unit:postgresql.service", "port:5432", "address:10.0.0.0/8", "user:postgres"],
    )
}

pub(super) fn accounts(_: &mut SchemaGenerator) -> Schema {
    list("^(user|group):.+$", &["user:alice", "group:sre"])
}

pub(super) fn abort(_: &mut SchemaGenerator) -> Schema {
    list(
        "^ *((target|control)\\.(rtt_p50|rtt_p90|rtt_p99|retransmits)|node\\.(cpu|memory|io)_pressure) *>.+$",
        &["target.rtt_p99>250ms", "control.retransmits>5%", "node.memory_pressure>20%"],
    )
}

fn list(pattern: &str, examples: &[&str]) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "pattern": pattern, "examples": examples } })
}
