//! `user:alice`, `group:sre`: an account of this system.

use crate::error::Error;
use crate::spec::as_text;
use nix::unistd::{Group, User};
use std::{fmt, str::FromStr};

/// A user or a group. Its name is looked up once, when it is read: an unknown one is an error, a number is not
/// looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    of: Kind,
    /// As written: a name or a number.
    name: String,
    id: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    User,
    Group,
}

impl Account {
    /// Whether it means somebody with this uid and these groups.
    pub(super) fn means(&self, uid: u32, groups: &[u32]) -> bool {
        match self.of {
            Kind::User => self.id == uid,
            Kind::Group => groups.contains(&self.id),
        }
    }

    /// The uid, if it is a user.
    pub fn uid(&self) -> Option<u32> {
        (self.of == Kind::User).then_some(self.id)
    }
}

impl FromStr for Account {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (of, name) = match text.split_once(':') {
            Some(("user", name)) => (Kind::User, name),
            Some(("group", name)) => (Kind::Group, name),
            _ => {
                return Err(Error::usage(format!("`{}` is not an account", text.escape_debug()))
                    .hint("write user:NAME, user:UID, group:NAME or group:GID"));
            }
        };
        let id = match (name.parse::<u32>(), of) {
            // -1 means nobody to the kernel (chown, loginuid).
            (Ok(u32::MAX), _) => None,
            (Ok(id), _) => Some(id),
            (Err(_), Kind::User) => User::from_name(name).ok().flatten().map(|user| user.uid.as_raw()),
            (Err(_), Kind::Group) => Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw()),
        };
        let what = if of == Kind::User { "user" } else { "group" };
        id.map(|id| Account { of, name: name.to_owned(), id }).ok_or_else(|| {
            Error::usage(format!("this system has no {what} `{}`", name.escape_debug()))
                .hint(format!("write a {what} that exists, or its number"))
        })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.of == Kind::User { "user" } else { "group" };
        write!(f, "{what}:{}", self.name)
    }
}

as_text!(Account, "user:NAME or group:NAME");
