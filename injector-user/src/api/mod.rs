//! HTTP/1.1 and JSON on a Unix socket; NDJSON for streams.

mod beats;
mod bodies;
mod caps;
pub mod client;
mod connection;
mod listen;
mod owned;
mod peer;
mod rate;
mod reply;
mod routes;
mod server;
mod slots;
mod stall;
mod streams;
pub mod types;

pub use client::{Client, Lines};
pub use listen::{GROUP, is_answered_by};
pub(crate) use reply::doc;
pub use server::Server;

/// The largest body of a request that the daemon reads.
pub const MOST_BODY: usize = 64 * 1024;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
