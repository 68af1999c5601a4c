//! How full things are. Every reader turns files or sockets into a [`PlaceDoc`] with totals only; what is derived from
//! two readings (rates, shares, a full pool) and from a fault's first one (what ran over since) is computed by pure
//! functions. What could not be read is `missing` with its reason, and never a 0.

mod cgroup;
mod counters;
mod dependency;
mod doctor;
mod files;
mod history;
mod hot;
mod lags;
mod listener;
mod namespace;
mod node;
mod place;
mod plateau;
mod ports;
mod pressure;
mod process;
mod rates;
mod reading;
mod scope;
mod since;

#[cfg(test)]
mod tests;

pub use doctor::probes;
pub use history::History;
pub use hot::{Heat, heat, hot, hot_words, pressure_heat};
pub use place::place_words;
pub use plateau::{PLATEAU_SECONDS, Pools};
pub use reading::{Reading, read};
pub use scope::{Place, Scope, SeenFault};
pub use since::Track;
