//! Apply, keep the lease, watch, undo in reverse order.

mod handle;

pub use handle::{Command, Handle, Reply, Who};
