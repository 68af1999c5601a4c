//! Through which interface packets go.

use super::as_text;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The longest name in bytes: the kernel's IFNAMSIZ is 16 with the closing NUL.
const LONGEST: usize = 15;

/// A network interface's name, such as `eth0`: what the kernel's `dev_valid_name` allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The name as text, 1 to 15 bytes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let odd = |c: char| matches!(c, '/' | ':' | '\0') || c.is_whitespace() || c.is_control();
        if text.is_empty() || text.len() > LONGEST || text.contains(odd) || matches!(text, "." | "..") {
            return Err(Error::usage(format!("`{}` is not an interface's name", text.escape_debug()))
                .hint("write it as `ip link` shows it, such as eth0"));
        }
        Ok(InterfaceName(text.to_owned()))
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(InterfaceName, "an interface's name such as \"eth0\"");
