//! Below which directory a `fail` acts.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The longest prefix in bytes: the kernel's rule has 128 with the closing NUL.
const LONGEST: usize = 127;

/// An absolute, normalised path of 1 to 127 bytes that is not `/`. It matches itself and everything below it:
/// `/var/lib` matches `/var/lib/x`, not `/var/library`.
///
/// With `*` (letters within a name, or none) and `?` (a byte of a name) it is a pattern that the whole path must fit;
/// with `/**` at the end also what is below that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern(String);

/// What is compared with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared<'a> {
    /// The path or pattern, without `/**`.
    pub text: &'a str,
    /// `*` and `?` stand for letters.
    pub glob: bool,
    /// What is below is meant as well.
    pub below: bool,
}

impl PathPattern {
    /// The path as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is compared.
    pub fn compared(&self) -> Compared<'_> {
        let stripped = self.0.strip_suffix(BELOW);
        let text = stripped.unwrap_or(&self.0);
        let glob = text.contains(['*', '?']);
        Compared { text, glob, below: !glob || stripped.is_some() }
    }

    /// `below /var/lib` or `at /var/*.log`
    pub fn place(&self) -> String {
        let Compared { text, below, .. } = self.compared();
        format!("{} {text}", if below { "below" } else { "at" })
    }
}

/// Everything below.
const BELOW: &str = "/**";

impl FromStr for PathPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let path = normal("path", text)?;
        if path == "/" || path == BELOW {
            return Err(Error::usage(format!("the path `{path}` matches everything")).hint("leave it out"));
        }
        if path.strip_suffix(BELOW).unwrap_or(path).contains("**") {
            return Err(Error::usage(format!("the path `{}` holds `**` within", path.escape_debug()))
                .hint("write /** at its end for all that is below, and * for letters of one name"));
        }
        if path.len() > LONGEST {
            return Err(Error::usage(format!("the path is {} bytes long", path.len()))
                .hint(format!("at most {LONGEST} bytes: write a directory further up")));
        }
        Ok(PathPattern(path.to_owned()))
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

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(PathPattern, "an absolute path such as \"/var/lib/app\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared() {
        let is = |text: &str| {
            let path: PathPattern = text.parse().unwrap();
            let Compared { text, glob, below } = path.compared();
            (text.to_owned(), glob, below)
        };
        assert_eq!(is("/var/lib"), ("/var/lib".to_owned(), false, true));
        assert_eq!(is("/var/lib/**"), ("/var/lib".to_owned(), false, true));
        assert_eq!(is("/var/*/x?"), ("/var/*/x?".to_owned(), true, false));
        assert_eq!(is("/var/*/**"), ("/var/*".to_owned(), true, true));
    }
}
