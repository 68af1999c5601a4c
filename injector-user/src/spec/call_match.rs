//! Which calls a `fail` means, beside their name and path.

use super::{ArgumentTest, SyscallName, TaskName, list};
use crate::error::Error;
use serde::Serialize;
use std::fmt;

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
}

impl CallMatch {
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
            let names: Vec<&str> = members.iter().map(syscalls::Sysno::name).collect();
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
        self.arg.iter().try_for_each(|test| write!(f, ", argument {test}"))
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
