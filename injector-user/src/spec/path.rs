//! Below which directory a `fail` acts.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The longest prefix in bytes: the kernel's rule has 128 with the closing NUL.
const LONGEST: usize = 127;

/// An absolute, normalised path of 1 to 127 bytes that is not `/`. It matches itself and everything below it:
/// `/var/lib` matches `/var/lib/x`, not `/var/library`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The path as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathPrefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let path = normal("path", text)?;
        if path == "/" {
            return Err(Error::usage("the path `/` matches every open").hint("leave out --path"));
        }
        if path.len() > LONGEST {
            return Err(Error::usage(format!("the path is {} bytes long", path.len()))
                .hint(format!("at most {LONGEST} bytes: write a directory further up")));
        }
        Ok(PathPrefix(path.to_owned()))
    }
}

/// Checks that `text` is absolute and normalised and takes off one trailing slash. `what` names it in errors.
pub(super) fn normal<'a>(what: &str, text: &'a str) -> Result<&'a str, Error> {
    let shown = text.escape_debug();
    if !text.starts_with('/') {
        return Err(Error::usage(format!("the {what} `{shown}` is not absolute")).hint(format!(
            "start it with a slash, as in /{}",
            text.trim_start_matches("./").escape_debug()
        )));
    }
    if text.contains('\0') {
        return Err(Error::usage(format!("the {what} `{shown}` holds a NUL byte")).hint("remove it"));
    }
    let path = text.strip_suffix('/').unwrap_or(text);
    if path.is_empty() {
        return Ok("/");
    }
    if let Some(part) = path.split('/').skip(1).find(|part| matches!(*part, "" | "." | "..")) {
        let part = if part.is_empty() { "//" } else { part };
        return Err(Error::usage(format!("the {what} `{shown}` holds `{part}`"))
            .hint("write it as `realpath` prints it"));
    }
    Ok(path)
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(PathPrefix, "an absolute path such as \"/var/lib/app\"");
