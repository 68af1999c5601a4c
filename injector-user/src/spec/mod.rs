//! What is asked, as typed. Pure: text in, checked values out, and the same text back.
//!
//! Every type here has `FromStr`, `Display` and serde as that text; `Percent` is a JSON number. Values that
//! exist are valid by themselves; what only makes sense together is checked by [`FaultSpec::validate`].

mod abort;
mod argument;
mod argument_flags;
mod bandwidth;
mod bytes;
mod call_match;
mod connections;
mod count;
mod descriptor;
mod direction;
mod distribution;
mod dns;
mod draw;
mod errno;
mod errno_table;
mod fault;
mod gilbert;
mod host;
mod interface;
mod kind;
mod latency_table;
mod list;
mod matching;
mod name;
mod near;
mod outcomes;
mod path;
pub(crate) mod peer;
mod percent;
mod ports;
mod profile;
mod protocol;
mod ramp;
mod raw;
mod raw_kind;
mod returns;
mod rung;
mod sense;
mod span;
mod syscall;
mod syscall_arguments;
mod syscall_families;
mod syscall_groups;
mod target;
mod task_name;
pub(crate) mod text;
mod words;

pub use abort::{AbortCondition, Group, GroupMeasured, Measured, Quantile, Resource};
pub use argument::{ArgumentTest, Compare};
pub use bandwidth::Bandwidth;
pub use bytes::Bytes;
pub use call_match::{CallMatch, Needs};
pub use connections::Connections;
pub use count::Count;
pub use descriptor::Descriptor;
pub use direction::Direction;
pub use distribution::Distribution;
pub use dns::{DnsAnswer, DnsPattern};
pub use draw::{Draw, Draws};
pub use errno::Errno;
pub use fault::FaultSpec;
pub use gilbert::Gilbert;
pub use host::{Host, HostName};
pub use interface::InterfaceName;
pub use kind::FaultKind;
pub use latency_table::LatencyTable;
pub use matching::Match;
pub use name::FaultName;
pub use near::near;
pub use outcomes::Outcomes;
pub use path::PathPattern;
pub use peer::Peer;
pub use percent::Percent;
pub use ports::Ports;
pub use profile::{BUILT_IN, Profile, ProfileFault};
pub use protocol::Protocol;
pub use ramp::Ramp;
pub use returns::{Given, Returns, Short};
pub use rung::Rung;
pub use span::Span;
pub use syscall::SyscallName;
pub use syscall_arguments::{Arguments, arguments};
pub use target::{PodName, TargetSpec};
pub use task_name::TaskName;
pub(crate) use text::as_text;
pub use words::Words;

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod properties;
