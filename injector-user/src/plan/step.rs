//! What can be done to the kernel. Each step is undone by the kernel room from the same data.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Lags, Shape, Side, Watching};
use crate::spec::Rung;

/// What this kernel can do, and why not, from loading and attaching no-op programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// tcx links; else clsact.
    pub tcx: bool,
    /// Err: what the kernel said.
    pub drop: Result<(), String>,
    /// Our device with netem behind a mirred action.
    pub delay: Result<(), String>,
    /// The same with tbf.
    pub rate: Result<(), String>,
    /// The same with fq.
    pub flow_rate: Result<(), String>,
    /// BPF LSM.
    pub lsm: Result<(), String>,
    /// kprobe override.
    pub kprobe: Result<(), String>,
    /// fmod_ret on system calls.
    pub modify_return: Result<(), String>,
    /// fmod_ret on the functions that ask all LSMs.
    pub security: Result<(), String>,
    /// What can be seen of calls that do not fail.
    pub watching: Watching,
    /// What can be told of the waiting for disks and CPUs.
    pub lags: Lags,
    /// Storage of sockets, in which flows and round trips are kept.
    pub sockets: Result<(), String>,
    /// Hooks of a cgroup that set a call's result.
    pub cgroup: Result<(), String>,
    /// System calls of this architecture that the kernel has not.
    pub missing_calls: BTreeSet<&'static str>,
    /// Of the LSM hooks that are used, those that the kernel has not.
    pub missing_hooks: BTreeSet<&'static str>,
    /// The same, of the functions that ask all LSMs.
    pub missing_security: BTreeSet<&'static str>,
}

impl Capabilities {
    /// The hooks that the kernel has not, for a rung that uses them.
    pub(super) fn missing_of(&self, rung: Rung) -> &BTreeSet<&'static str> {
        if rung == Rung::Security { &self.missing_security } else { &self.missing_hooks }
    }

    /// Whether a device can do this: in words for an error (`this kernel cannot ...`), and why it can't.
    ///
    /// # Errors
    /// The words, and what the kernel said.
    pub fn device(&self, shape: &Shape) -> Result<(), (&'static str, &str)> {
        let (what, found) = match shape {
            Shape::Netem(_) => ("delay packets", &self.delay),
            Shape::Rate { .. } => ("limit a rate", &self.rate),
            Shape::FlowRate { .. } => ("limit a rate per flow", &self.flow_rate),
        };
        found.as_ref().copied().map_err(|why| (what, why.as_str()))
    }
}

/// A network namespace in which the target has sockets, and the interfaces in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Inode of the namespace.
    pub netns: u64,
    /// Index and name of every interface that is up, ours left out.
    pub links: Vec<(u32, String)>,
}

/// One thing that is done to the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// A device of ours with a qdisc.
    Device {
        /// Inode of the namespace.
        netns: u64,
        /// The rule it is for.
        slot: u32,
        /// Which way its packets go.
        side: Side,
        /// What it does to them.
        shape: Shape,
    },
    /// The filter that sends selected packets to that device.
    Redirect {
        /// Inode of the namespace.
        netns: u64,
        /// Interface.
        index: u32,
        /// Its name.
        link: String,
        /// The rule it is for.
        slot: u32,
        /// Which way its packets go.
        side: Side,
    },
    /// The program that decides over packets on their way out of one interface.
    Egress {
        /// Inode of the namespace.
        netns: u64,
        /// Interface.
        index: u32,
        /// Its name.
        link: String,
    },
    /// The program that decides over packets on their way in by one interface.
    Ingress {
        /// Inode of the namespace.
        netns: u64,
        /// Interface.
        index: u32,
        /// Its name.
        link: String,
    },
    /// The loss program on one cgroup.
    CgroupIngress {
        /// Path below the cgroup2 root.
        cgroup: String,
    },
    /// The loss program on one cgroup that tells the sender.
    CgroupEgress {
        /// Path below the cgroup2 root.
        cgroup: String,
    },
    /// The program on a system call, or on an LSM hook.
    Call {
        /// Which way; never [`Rung::Cgroup`].
        rung: Rung,
        /// Its name in the kernel's table; with the rungs [`Rung::Lsm`] and [`Rung::Security`] that of the hook.
        call: String,
    },
    /// The programs that count these calls where 32-bit programs make them.
    Compat {
        /// Their names in the kernel's table.
        calls: Vec<String>,
    },
    /// The program that counts what is asked of io_uring.
    Rings,
    /// The program that sees descriptors being closed.
    Closes,
    /// The programs at a cgroup's hooks on a family of calls.
    CgroupCall {
        /// The family.
        call: String,
        /// Path below the cgroup2 root.
        cgroup: String,
    },
}
