//! May we: the node owner's limits, what is protected always, and the verdict on a request.
//!
//! A request passes or is refused with what would have been allowed. Pure but for facts read through
//! [`Host`](crate::target::Host) and the limits file.

mod check;
mod file;
mod gateway;
mod identity;
mod policy;
mod protect;
mod protection;

pub use check::{Allowed, Consulted, Skipped, check};
pub use file::{DEFAULT_PATH, load};
pub use gateway::gateways;
pub use identity::Identity;
pub use policy::{DEFAULT_TTL, Limits, MOST_FAULTS};
pub use protect::Protect;
pub use protection::Protection;

#[cfg(test)]
mod tests;
