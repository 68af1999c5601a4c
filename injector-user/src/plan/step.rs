//! What can be done to the kernel. Each step is undone by the kernel room from the same data.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// How a syscall is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
    /// kprobe and `bpf_override_return`.
    Kprobe,
    /// BPF LSM hook.
    Lsm,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kprobe => "kprobe override",
            Self::Lsm => "LSM hook",
        })
    }
}

/// What this kernel can do, and why not, from loading and attaching no-op programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// tcx links; else clsact.
    pub tcx: bool,
    /// Err: what the kernel said.
    pub drop: Result<(), String>,
    /// Our device with netem behind a mirred action.
    pub delay: Result<(), String>,
    /// BPF LSM.
    pub lsm: Result<(), String>,
    /// kprobe override.
    pub kprobe: Result<(), String>,
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
    /// The loss program on one interface.
    DropEgress {
        /// Inode of the namespace.
        netns: u64,
        /// Interface.
        index: u32,
        /// Its name.
        link: String,
    },
    /// The loss program on one cgroup.
    DropIngress {
        /// Path below the cgroup2 root.
        cgroup: String,
    },
    /// A device of ours with netem.
    DelayDevice {
        /// Inode of the namespace.
        netns: u64,
        /// The rule it is for.
        slot: u32,
        /// Constant part.
        latency: Duration,
        /// Uniform in `latency` +- this.
        jitter: Duration,
    },
    /// The filter that sends selected packets to that device.
    DelayFilter {
        /// Inode of the namespace.
        netns: u64,
        /// Interface.
        index: u32,
        /// Its name.
        link: String,
        /// The rule it is for.
        slot: u32,
    },
    /// The program on the open family.
    Open {
        /// Which way.
        rung: Rung,
    },
}
