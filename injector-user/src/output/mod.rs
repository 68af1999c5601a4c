//! Where it goes: metrics for Prometheus. Made from the same documents that the CLI shows.

mod dependencies;
mod dependency_kinds;
mod ended;
mod families;
mod faults;
pub mod http;
mod lags;
pub mod metrics;
mod own;
mod owners;
pub mod page;
mod reactions;
mod saturation;
mod shown;

#[cfg(test)]
mod docs_tests;
#[cfg(test)]
mod metrics_tests;
#[cfg(test)]
pub(crate) mod samples;
