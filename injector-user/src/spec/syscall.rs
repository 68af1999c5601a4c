//! Which system calls can be made to fail.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// A family of system calls: a bare name stands for all calls that programs use for it (DECISIONS.md 21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyscallName {
    /// open, openat, openat2 and creat: glibc calls openat, musl open, some programs openat2.
    Open,
}

impl SyscallName {
    /// Every family that can be failed.
    pub const ALL: [SyscallName; 1] = [SyscallName::Open];

    /// The calls of the family, as the kernel names them.
    pub const fn members(self) -> &'static [&'static str] {
        match self {
            SyscallName::Open => &["open", "openat", "openat2", "creat"],
        }
    }
}

impl FromStr for SyscallName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(family) = Self::ALL.into_iter().find(|family| family.to_string() == text) {
            return Ok(family);
        }
        if let Some(family) = Self::ALL.into_iter().find(|family| family.members().contains(&text)) {
            return Err(Error::usage(format!("`{text}` alone can't be failed"))
                .hint(format!("write {family}: it covers {}", family.members().join(", "))));
        }
        Err(Error::usage(format!("`{}` can't be failed", text.escape_debug()))
            .hint("what can be failed: open (covers open, openat, openat2, creat)"))
    }
}

impl fmt::Display for SyscallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SyscallName::Open => "open",
        })
    }
}

as_text!(SyscallName, "a system call such as \"open\"");
