//! Network namespaces, links, qdiscs, filters and sockets, asked of the kernel over netlink.
//!
//! Messages are encoded and decoded here by hand (`wire`, `parse`) and not with typed crates: those lack netem, mirred and
//! cls_bpf, and they refuse a whole dump when one attribute of a newer kernel has a length they don't know. A fault
//! injector must be able to list and remove its own devices on a kernel that is newer than itself.
//!
//! Everything is synchronous. Nothing here runs `ip` or `tc`.

mod clsact;
mod conntrack;
mod error;
mod filter;
mod foreign;
mod inventory;
mod link;
mod netem;
mod netns;
mod parse;
mod qdisc;
mod queues;
mod rate;
mod route;
mod rtnl;
mod shape;
mod sock_diag;
mod socket;
mod sweep;
mod tag;
mod tcp_sockets;
mod wire;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_netem;
#[cfg(test)]
mod tests_netem_foreign;
#[cfg(test)]
mod tests_netem_shapes;

pub use conntrack::{Rewritten, rewritten};
pub use error::{KernelError, errno_of};
pub use filter::{BpfFilter, Filter, FilterAction};
pub use inventory::{Leftover, LeftoverKind, inventory};
pub use link::{Link, LinkStats};
pub use netns::{Netns, all_netns, every_netns};
pub use qdisc::QdiscStats;
pub use queues::Queue;
pub use rtnl::Rtnl;
pub use sock_diag::{Listener, Proto, SockInfo, listeners, sockets};
pub use sweep::{Swept, sweep};
pub use tag::{PREFIX, device_name, instance_of, instance_of_device, tag};
pub use tcp_sockets::{Memory, TcpInfo, TcpSocket, each_tcp_socket};
