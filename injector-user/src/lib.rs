//! injector: makes the network and the kernel fail, on purpose, for selected cgroups and for nothing else;
//! shows, per flow, what that did; and stops by itself.
//!
//! The way of the data; imports point only to the left:
//!
//! ```text
//! text -> spec -> limits -> plan -> kernel (apply, undo) -> observe -> output (stream, metrics, report)
//! ```

pub mod api;
pub mod cli;
pub mod config;
pub mod error;
pub mod kernel;
pub mod limits;
pub mod observe;
pub mod output;
pub mod plan;
pub mod session;
pub mod spec;
pub mod target;
