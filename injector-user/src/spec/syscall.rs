//! Which system calls can be made to fail.

use super::{as_text, near::near, syscall_families::FAMILIES, syscall_groups::GROUPS};
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

use syscalls::Sysno;

/// They never return, or the C library cannot live without them.
const NEVER: [&str; 4] = ["exit", "exit_group", "rt_sigreturn", "restart_syscall"];

/// A system call by its name in the kernel's table, or the name of a family: all calls that programs use for the same
/// thing (DECISIONS.md 21); or `@` and the name of a group: those by which they use one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SyscallName(&'static str);

impl SyscallName {
    /// The family of which it is the name; `None`: it is a call for itself.
    fn family(self) -> Option<&'static [&'static str]> {
        FAMILIES.iter().find(|family| family[0] == self.0).copied()
    }

    /// The name of its family, which is its own if it has none.
    pub fn family_name(self) -> &'static str {
        FAMILIES.iter().find(|family| family.contains(&self.0)).map_or(self.0, |family| family[0])
    }

    /// What the group of which it is the name stands for; `None`: it is no group.
    fn group(self) -> Option<&'static [&'static str]> {
        GROUPS.iter().find(|(name, _)| *name == self.0).map(|(_, calls)| *calls)
    }

    /// Many calls for a resource, which one rung need not fit.
    pub fn is_group(self) -> bool {
        self.group().is_some()
    }

    /// The calls on disks: those of them that are for sockets as well are meant on what a disk holds only.
    pub fn is_disk(self) -> bool {
        self.0 == "@disk"
    }

    /// The calls that are meant, as this architecture's table names them: one with `exact`.
    pub fn members(self, exact: bool) -> Vec<Sysno> {
        if let Some(calls) = self.group() {
            return calls.iter().flat_map(|call| SyscallName(call).members(false)).collect();
        }
        let names = match self.family() {
            Some(family) if !exact => family,
            _ => &[self.0],
        };
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// Whether this, alone or with `exact`, says what is meant and can be had.
    ///
    /// # Errors
    /// Usage: it is one of several calls of a family, or with `exact` only the name of one or a group.
    pub fn check(self, exact: bool) -> Result<(), Error> {
        if exact && self.is_group() {
            return Err(Error::usage(format!("{self} is many calls"))
                .hint(format!("leave out --exact: then it is {}", list(&self.members(false)))));
        }
        if exact && self.members(true).is_empty() {
            return Err(Error::usage(format!("this architecture has no call {self} by itself"))
                .hint(format!("leave out --exact: then it is {}", list(&self.members(false)))));
        }
        let family = FAMILIES.iter().find(|family| family[1..].contains(&self.0) && family[0] != self.0);
        match family {
            Some(family) if !exact => {
                let head = SyscallName(family[0]);
                Err(Error::usage(format!("programs use {self} and others for the same thing")).hint(format!(
                    "write {head}: it covers {}; or --exact for {self} alone",
                    list(&head.members(false))
                )))
            }
            _ => Ok(()),
        }
    }

    /// Does it open files, so that it has a path?
    pub fn opens(self) -> bool {
        FAMILIES.iter().any(|family| family[0] == "open" && family.contains(&self.0))
    }
}

/// `open, openat, openat2, creat`
fn list(calls: &[Sysno]) -> String {
    calls.iter().map(Sysno::name).collect::<Vec<_>>().join(", ")
}

impl FromStr for SyscallName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if NEVER.contains(&text) {
            return Err(Error::usage(format!("{text} can't be failed"))
                .hint("no program lives without it: name a call that can return an error"));
        }
        if text.starts_with('@') {
            let group = GROUPS.iter().find(|(name, _)| *name == text);
            return group.map(|(name, _)| Self(name)).ok_or_else(|| {
                let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
                Error::usage(format!("there is no group `{}`", text.escape_debug()))
                    .hint(format!("write {}", names.join(", ")))
            });
        }
        let family = FAMILIES.iter().map(|family| family[0]).find(|name| *name == text);
        let one = text.parse::<Sysno>().ok().map(|call| call.name());
        if let Some(name) = family.or(one) {
            return Ok(Self(name));
        }
        let all = Sysno::iter().map(|call| call.name()).chain(FAMILIES.iter().map(|family| family[0]));
        let near = near(text, all, 4);
        let hint = match near.as_slice() {
            [] => "man 2 syscalls has them all".to_owned(),
            near => format!("did you mean {}?", near.join(", ")),
        };
        Err(Error::usage(format!("there is no system call `{}`", text.escape_debug())).hint(hint))
    }
}

impl fmt::Display for SyscallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

as_text!(SyscallName, "a system call such as \"open\"");

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SyscallName {
        text.parse().unwrap()
    }

    #[test]
    fn a_bare_name_is_its_family() {
        let names = |text: &str, exact| list(&name(text).members(exact));
        assert_eq!(names("getrandom", false), "getrandom");
        assert_eq!(names("getrandom", true), "getrandom");
        if cfg!(target_arch = "x86_64") {
            assert_eq!(names("open", false), "open, openat, openat2, creat");
            assert_eq!(names("open", true), "open");
        }
        assert_eq!(names("fsync", false), "fsync, fdatasync");
        assert_eq!(names("fdatasync", true), "fdatasync");
        assert!(name("openat").opens() && !name("fsync").opens());
    }

    #[test]
    fn one_of_a_family_is_asked_for_exactly() {
        assert!(name("openat").check(true).is_ok() && name("open").check(false).is_ok());
        let error = name("openat").check(false).unwrap_err().to_string();
        assert!(error.contains("--exact"), "{error}");
    }

    #[test]
    fn no_call_is_in_two_families_and_each_family_has_one_here() {
        let mut all: Vec<&str> = FAMILIES.iter().flat_map(|family| family.iter()).copied().collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
        for family in FAMILIES {
            assert!(!name(family[0]).members(false).is_empty(), "{family:?}");
        }
    }

    #[test]
    fn a_group_is_families_and_calls_that_exist() {
        for (group, calls) in GROUPS {
            let members = name(group).members(false);
            assert!(calls.iter().all(|call| !SyscallName(call).members(false).is_empty()), "{group}");
            assert!(members.len() >= calls.len(), "{group}: {members:?}");
            let mut unique: Vec<&str> = members.iter().map(Sysno::name).collect();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), members.len(), "{group}: twice");
        }
        assert!(name("@disk").check(true).unwrap_err().to_string().contains("many calls"));
        assert!("@dsik".parse::<SyscallName>().unwrap_err().to_string().contains("@disk, @network"));
    }
}
