//! Which cgroups and processes a [`TargetSpec`](crate::spec::TargetSpec) stands for on this host.
//!
//! Everything is read below two directories, the process file system and the cgroup v2 root, which tests replace
//! by trees of their own. Nothing here is remembered: cgroups come and go, so ask again.

mod beneath;
mod host;
mod mountinfo;
mod process;
mod resolve;
mod tree;

pub use beneath::open_cgroup;
pub use host::Host;
pub use mountinfo::CgroupRoot;
pub use process::{Process, cgroup_of, comm, executable, netns_inode, pids_of_host};
pub use resolve::{Target, resolve};
pub use tree::{Cgroup, pids, subtree};

#[cfg(test)]
mod beneath_tests;
#[cfg(test)]
pub(crate) mod testhost;
#[cfg(test)]
mod tests;
