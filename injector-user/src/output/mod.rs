//! Where it goes: metrics for Prometheus. Made from the same documents that the CLI shows.

mod dependencies;
mod ended;
mod families;
mod faults;
pub mod http;
pub mod metrics;
pub mod page;
mod reactions;

#[cfg(test)]
pub(crate) mod samples;
