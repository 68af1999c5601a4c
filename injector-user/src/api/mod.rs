//! HTTP/1.1 and JSON on a Unix socket; NDJSON for streams.

pub mod types;
