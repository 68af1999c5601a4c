//! The name of a thread or process.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The longest name in bytes: the kernel keeps 16 with the closing NUL.
const LONGEST: usize = 15;

/// What the kernel knows a thread by (`/proc/PID/comm`): 1 to 15 bytes without NUL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskName(String);

impl TaskName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TaskName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() || text.contains(['\0', '/']) {
            return Err(Error::usage(format!("`{}` is no thread's name", text.escape_debug()))
                .hint("write it as /proc/PID/comm has it, such as postgres"));
        }
        if text.len() > LONGEST {
            let kept = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= LONGEST);
            let kept: String = kept.map(|(_, c)| c).collect();
            return Err(Error::usage(format!("the name `{}` has {} bytes", text.escape_debug(), text.len()))
                .hint(format!("the kernel keeps {LONGEST} of them: write {}", kept.escape_debug())));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(TaskName, "a thread's name such as \"postgres\"");
