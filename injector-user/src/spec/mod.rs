//! What is asked, as typed. Pure: text in, checked values out, and the same text back.
//!
//! Every type here has `FromStr`, `Display` and serde as that text; `Percent` is a JSON number. Values that
//! exist are valid by themselves; what only makes sense together is checked by [`FaultSpec::validate`].

mod abort;
mod direction;
mod errno;
mod errno_table;
mod fault;
mod name;
mod near;
mod path;
pub(crate) mod peer;
mod percent;
mod ramp;
mod raw;
mod span;
mod syscall;
mod target;
pub(crate) mod text;
mod words;

pub use abort::{AbortCondition, Group, GroupMeasured, Measured, Quantile, Resource};
pub use direction::Direction;
pub use errno::Errno;
pub use fault::{FaultKind, FaultSpec};
pub use name::FaultName;
pub use near::near;
pub use path::PathPrefix;
pub use peer::Peer;
pub use percent::Percent;
pub use ramp::Ramp;
pub use span::Span;
pub use syscall::SyscallName;
pub use target::TargetSpec;
pub(crate) use text::as_text;
pub use words::Words;

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod properties;
