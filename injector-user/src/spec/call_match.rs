//! Which calls a `fail` means, beside their name and path.

use super::{ArgumentTest, Descriptor, Match, PathPattern, SyscallName, TaskName, arguments, list};
use crate::error::Error;
use serde::Serialize;
use std::fmt;
use syscalls::Sysno;

/// Most comparisons of arguments: the kernel's rule has room for two.
const MOST_COMPARISONS: usize = 2;

/// Which calls; one must fit all that is given. In JSON the keys stand beside those of the fault.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CallMatch {
    /// The real user id of the thread, as the host counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The thread's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comm: Option<TaskName>,
    /// The name of its process: that of the process's first thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<TaskName>,
    /// What arguments must be: at most two comparisons, both of which must hold.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "list::serialize")]
    pub arg: Vec<ArgumentTest>,
    /// The file that the call's descriptor refers to, by its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fd_path: Option<PathPattern>,
    /// What the call's descriptor refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fd: Option<Descriptor>,
}

/// By what a call's arguments are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// A path among them.
    pub path: bool,
    /// A descriptor.
    pub fd: bool,
    /// A peer.
    pub peer: bool,
}

impl Needs {
    /// Has the call all of that?
    pub fn are_met(self, call: Sysno) -> bool {
        let has = arguments(call.name());
        let socket = has.fd.is_some() && !has.never_socket;
        (!self.path || !has.paths.is_empty()) && (!self.fd || has.fd.is_some()) && (!self.peer || socket)
    }

    /// What they are, in words.
    pub fn words(self) -> String {
        let all = [(self.path, "path"), (self.fd, "descriptor"), (self.peer, "peer")];
        let words: Vec<&str> = all.iter().filter(|(given, _)| *given).map(|(_, word)| *word).collect();
        words.join(" and ")
    }

    /// Whether some of these calls have all of that. `said` is how they were named.
    ///
    /// # Errors
    /// Usage: none of them has.
    pub(super) fn check(self, said: SyscallName, calls: &[Sysno]) -> Result<(), Error> {
        if calls.is_empty() || calls.iter().any(|call| self.are_met(*call)) {
            return Ok(());
        }
        let can = |needs: Self| calls.iter().any(|call| needs.are_met(*call));
        let none = Self { path: false, fd: false, peer: false };
        let (word, hint) = if self.path && !can(Self { path: true, ..none }) {
            let by_fd = can(Self { fd: true, ..none });
            (
                "path",
                if by_fd {
                    "its descriptor is of a file: --fd-path, in JSON fd_path"
                } else {
                    "leave out the path"
                },
            )
        } else if self.fd && !can(Self { fd: true, ..none }) {
            let by_path = can(Self { path: true, ..none });
            ("descriptor", if by_path { "it has a path: --path, in JSON path" } else { "leave it out" })
        } else if self.peer && !can(Self { peer: true, ..none }) {
            ("peer", "leave it out: only calls on sockets have one, such as connect, sendto and read")
        } else {
            (
                "call with all of that",
                "leave out one: a path is of calls that name a file, a descriptor and a peer of others",
            )
        };
        Err(Error::usage(format!("{said} can't be told apart by {word}: it has none")).hint(hint))
    }
}

impl CallMatch {
    /// By what the calls are told apart; `path`: a path among their arguments was given.
    pub fn needs(&self, path: bool, matching: &Match) -> Needs {
        let fd = self.fd.is_some() || self.fd_path.is_some();
        Needs { path, fd, peer: !matching.peer.is_empty() || !matching.except.is_empty() }
    }

    /// Checks what only makes sense together, for these calls.
    ///
    /// # Errors
    /// Usage: there are more comparisons than the kernel's rule can hold, or of several calls, whose arguments are not
    /// the same.
    pub(super) fn check(&self, syscall: SyscallName, exact: bool) -> Result<(), Error> {
        if self.arg.len() > MOST_COMPARISONS {
            return Err(Error::usage(format!("{} comparisons of arguments were given", self.arg.len()))
                .hint(format!(
                    "at most {MOST_COMPARISONS} are possible: flags can be joined, as in 1&O_CREAT|O_EXCL"
                )));
        }
        let members = syscall.members(exact);
        if let (Some(test), [_, _, ..]) = (self.arg.first(), &members[..]) {
            let names: Vec<&str> = members.iter().map(Sysno::name).collect();
            return Err(Error::usage(format!(
                "`{test}` is another argument of each of the calls that {syscall} stands for"
            ))
            .hint(format!("name one with --exact: {}", names.join(", "))));
        }
        Ok(())
    }
}

/// `, uid 70, thread writer, argument 2&O_DIRECT`; nothing if nothing is asked.
impl fmt::Display for CallMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(uid) = self.uid {
            write!(f, ", uid {uid}")?;
        }
        if let Some(comm) = &self.comm {
            write!(f, ", thread {comm}")?;
        }
        if let Some(process) = &self.process {
            write!(f, ", process {process}")?;
        }
        self.arg.iter().try_for_each(|test| write!(f, ", argument {test}"))?;
        if let Some(fd) = self.fd {
            write!(f, ", on a {fd}")?;
        }
        self.fd_path.as_ref().map_or(Ok(()), |path| write!(f, ", on files {}", path.place()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(call: &str, exact: bool, tests: &[&str]) -> String {
        let arg = tests.iter().map(|test| test.parse().unwrap()).collect();
        let which = CallMatch { arg, ..CallMatch::default() };
        which.check(call.parse().unwrap(), exact).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn arguments_are_those_of_one_call() {
        assert_eq!(refused("openat", true, &["2&O_DIRECT"]), "");
        assert_eq!(refused("lseek", false, &["1>0", "2=0"]), "", "a family of one");
        assert!(refused("fsync", false, &["0=1"]).contains("--exact: fsync, fdatasync"));
        assert!(refused("lseek", false, &["0=1", "1=1", "2=1"]).contains("at most 2"));
        assert_eq!(refused("fsync", false, &[]), "");
    }
}
