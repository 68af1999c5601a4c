//! A request that passed the limits: exact rules, what is attached where, how it is undone, whom it touches.
//!
//! A [`Plan`] is made by [`make`] only, so that nothing unchecked can reach the kernel.

mod compile;
mod describe;
mod step;

pub use compile::{Facts, Plan, make, words};
pub use step::{Capabilities, Rung, Site, Step};

#[cfg(test)]
mod tests;
