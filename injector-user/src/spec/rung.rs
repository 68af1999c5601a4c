//! The ways in which a system call can be made to fail.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// How a system call is made to fail. In the order in which they are preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// kprobe at the call's entry, and `bpf_override_return`.
    Kprobe,
    /// fmod_ret (`BPF_MODIFY_RETURN`) at the call's entry.
    ModifyReturn,
    /// BPF LSM hook within the call.
    Lsm,
    /// fmod_ret on the function that asks all LSMs (`security_*`), within the call: where the BPF LSM is not among them.
    Security,
    /// Hook of the target's cgroup, and `bpf_set_retval`.
    Cgroup,
}

impl Rung {
    /// All of them, the best first.
    pub const ALL: [Self; 5] = [Self::Kprobe, Self::ModifyReturn, Self::Lsm, Self::Security, Self::Cgroup];

    /// By the LSM hooks within a call, whichever way.
    pub const fn is_within(self) -> bool {
        matches!(self, Self::Lsm | Self::Security)
    }

    /// What it is called in sentences.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kprobe => "kprobe override",
            Self::ModifyReturn => "fmod_ret",
            Self::Lsm => "LSM hook",
            Self::Security => "fmod_ret on security_*",
            Self::Cgroup => "cgroup hook",
        }
    }
}

impl FromStr for Rung {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "kprobe" => Ok(Self::Kprobe),
            "fmod-ret" | "fmod_ret" => Ok(Self::ModifyReturn),
            "lsm" => Ok(Self::Lsm),
            "security" => Ok(Self::Security),
            "cgroup" => Ok(Self::Cgroup),
            _ => Err(Error::usage(format!("`{}` is not a rung", text.escape_debug()))
                .hint("write kprobe, fmod-ret, lsm, security or cgroup; without it the best one is taken")),
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kprobe => "kprobe",
            Self::ModifyReturn => "fmod-ret",
            Self::Lsm => "lsm",
            Self::Security => "security",
            Self::Cgroup => "cgroup",
        })
    }
}

as_text!(Rung, "kprobe, fmod-ret, lsm, security or cgroup");
