//! A request that passed the limits: exact rules, what is attached where, how it is undone, whom it touches.
//!
//! A [`Plan`] is made by [`make`] only, so that nothing unchecked can reach the kernel.

mod addresses;
mod call_means;
mod calls;
mod compile;
mod describe;
mod draw;
mod each;
mod hooks;
mod interfaces;
mod lags;
mod meant;
mod network;
mod notes;
mod rings;
mod rungs;
mod shape;
mod shaping;
mod step;
mod table;
mod watching;
mod words;

pub use addresses::Addresses;
pub use compile::{Facts, Plan, make, words};
pub use each::syscalls;
pub use hooks::{index as hook_index, lsm_hooks};
pub use lags::Lags;
pub use network::addresses;
pub use rings::ring_calls;
pub use shape::{Netem, Shape, Side};
pub use step::{Capabilities, Site, Step};
pub use table::Table;
pub use watching::Watching;

#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod tests;
