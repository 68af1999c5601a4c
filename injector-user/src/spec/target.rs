//! Whom a fault is for, as typed.

use super::as_text;
use super::path::normal;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The kinds of systemd unit that have a cgroup.
const SUFFIXES: [&str; 6] = [".service", ".slice", ".scope", ".socket", ".mount", ".swap"];

/// A name for a cgroup subtree. [`crate::target::resolve`] finds what it stands for on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetSpec {
    /// `cgroup:/path`: a cgroup v2 path below the root of the hierarchy, normalised. `/` can be written, and is
    /// refused later.
    Cgroup(String),
    /// `unit:NAME`: a systemd unit, with its suffix.
    Unit(String),
}

impl FromStr for TargetSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some(("cgroup", path)) => cgroup(path).map(TargetSpec::Cgroup),
            Some(("unit", name)) => unit(name).map(TargetSpec::Unit),
            _ => Err(Error::usage(format!("`{}` is not a target", text.escape_debug()))
                .hint("write cgroup:/PATH or unit:NAME, such as unit:nginx.service")),
        }
    }
}

fn cgroup(path: &str) -> Result<String, Error> {
    let path = normal("cgroup", path)?;
    if let Some(below) = path.strip_prefix("/sys/fs/cgroup") {
        let below = below.strip_prefix("/unified").unwrap_or(below);
        if below.is_empty() || below.starts_with('/') {
            let below = if below.is_empty() { "/" } else { below };
            return Err(Error::usage(format!("`{path}` is a path of the file system"))
                .hint(format!("write it from the root of the cgroups: cgroup:{below}")));
        }
    }
    Ok(path.to_owned())
}

fn unit(name: &str) -> Result<String, Error> {
    let shown = name.escape_debug();
    let odd = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if name.is_empty()
        || name.contains(odd)
        || name.contains("..")
        || name.starts_with('.')
        || name.ends_with('.')
    {
        return Err(Error::usage(format!("`{shown}` is not a unit's name"))
            .hint("write it as `systemctl` shows it, such as unit:nginx.service"));
    }
    let whole = SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    Ok(if whole { name.to_owned() } else { format!("{name}.service") })
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetSpec::Cgroup(path) => write!(f, "cgroup:{path}"),
            TargetSpec::Unit(name) => write!(f, "unit:{name}"),
        }
    }
}

as_text!(TargetSpec, "a target such as \"unit:nginx.service\"");
