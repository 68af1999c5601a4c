//! May we: the node owner's limits, what is protected always, and the verdict on a request.
//!
//! A request passes or is refused with what would have been allowed. Pure but for facts read through
//! [`Host`](crate::target::Host), the limits file, the time zones and the names of users and groups that it
//! mentions, and [`HostFacts::read`].

mod budget;
mod check;
mod file;
mod gateway;
mod host;
mod mode;
mod node;
mod place;
mod policy;
mod protect;
mod protection;
mod require;
mod roles;
mod schema;
mod soft;
mod validate;
mod when;

pub use budget::{Budget, Budgets};
pub use check::{Allowed, Consulted, Skipped, check};
pub use file::{DEFAULT_PATH, Loaded, load, load_with_digest, only_roots};
pub use gateway::gateways;
pub use host::{HostFacts, HostLimits, host_verdict};
pub use mode::{Mode, may_arm};
pub use node::NodeFacts;
pub use policy::{DEFAULT_TTL, Limits, MOST_FAULTS};
pub use protect::Protect;
pub use protection::Protection;
pub use require::Requirement;
pub use roles::{Account, Identity, Right, Roles};
pub use schema::schema;
pub use soft::Soft;
pub use when::{Date, Days, Freeze, TimeOfDay, When, Window, Zone};

#[cfg(test)]
mod tests;
