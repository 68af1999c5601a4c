//! Which cgroups and processes a [`TargetSpec`](crate::spec::TargetSpec) stands for on this host.
//!
//! Everything is read below the directories of a [`Host`], which tests replace by trees of their own. Nothing here is remembered: cgroups come and go, so ask again.

mod beneath;
mod container;
mod glob;
mod host;
mod layout;
mod mountinfo;
mod path;
mod pid;
mod pod;
mod process;
mod program;
mod resolve;
mod state;
mod tree;
mod whose;

pub use beneath::open_cgroup;
pub use host::Host;
pub use mountinfo::CgroupRoot;
pub use process::{Process, cgroup_of, comm, executable, netns_inode, pids_of_host};
pub use program::{Programs, programs};
pub use resolve::{Target, resolve};
pub use tree::{Cgroup, pids, subtree};
pub use whose::{ContainerName, Runtimes, Whose};

#[cfg(test)]
mod beneath_tests;
#[cfg(test)]
mod container_tests;
#[cfg(test)]
mod pattern_tests;
#[cfg(test)]
mod pod_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
pub(crate) mod testhost;
#[cfg(test)]
mod tests;
