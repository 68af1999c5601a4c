//! With which error a call fails.

use super::errno_table::{ALIASES, ERRNOS, INTERNAL};
use super::{as_text, near};
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// An errno that a program may see, by name: 1 to 133 without the kernel's restart codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno {
    name: &'static str,
    number: u8,
}

impl Errno {
    /// Its name, such as `EIO`. Of two names for one number (EAGAIN, EWOULDBLOCK) the first.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Its positive number, 1 to 133; the kernel returns the negative.
    pub const fn number(self) -> i32 {
        self.number as i32
    }

    /// By its number; `None` if there is none.
    pub fn from_number(number: i32) -> Option<Self> {
        let (name, number) = ERRNOS.into_iter().find(|(_, known)| i32::from(*known) == number)?;
        Some(Errno { name, number })
    }
}

impl FromStr for Errno {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        if let Ok(number) = asked.parse::<i64>() {
            let known = i32::try_from(number.saturating_abs()).ok().and_then(Errno::from_number);
            let name = known.map_or("EIO", Errno::name);
            return Err(
                Error::usage(format!("the errno `{asked}` is a number")).hint(format!("name it: {name}"))
            );
        }
        let name = ALIASES.into_iter().find(|(alias, _)| *alias == asked).map_or(asked, |(_, name)| name);
        if let Some((name, number)) = ERRNOS.into_iter().find(|(known, _)| *known == name) {
            return Ok(Errno { name, number });
        }
        if let Some((name, number)) = INTERNAL.into_iter().find(|(known, _)| *known == name) {
            let why = format!("it is the kernel's own code {number}, and would leak to the program as that");
            return Err(Error::usage(format!("{name} can't be injected")).hint(format!("{why}; use EIO")));
        }
        let known = ERRNOS.iter().map(|(name, _)| *name);
        let near = near(asked, known, 3);
        let hint = if near.is_empty() {
            "a name such as EIO, ENOSPC or EACCES".to_owned()
        } else {
            near.join(" or ")
        };
        Err(Error::usage(format!("`{}` is not an errno", asked.escape_debug()))
            .hint(format!("perhaps {hint}")))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

as_text!(Errno, "an errno's name such as \"EIO\"");
