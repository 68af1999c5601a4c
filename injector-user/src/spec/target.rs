//! Whom a fault is for, as typed.

mod container;
mod pod;

use super::as_text;
use super::path::normal;
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

pub use pod::PodName;

/// The kinds of systemd unit that have a cgroup.
const SUFFIXES: [&str; 6] = [".service", ".slice", ".scope", ".socket", ".mount", ".swap"];

/// PID_MAX_LIMIT of linux/threads.h on 64 bits.
const MOST_PIDS: u32 = 4 * 1024 * 1024;

const FORMS: &str = "write cgroup:/PATH, unit:NAME, container:ID_OR_NAME, pod:NAMESPACE/NAME or pid:NUMBER, \
                     such as unit:nginx.service";

/// A name for one cgroup subtree, or several. [`crate::target::resolve`] finds what it stands for on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetSpec {
    /// `cgroup:/path`: a cgroup v2 path below the root of the hierarchy, normalised. `/` can be written, and is
    /// refused later.
    Cgroup(String),
    /// `cgroup:/path/*.service`: every cgroup whose path matches. `*` and `?` stand for any letters and for one,
    /// within one name.
    Cgroups(String),
    /// `unit:NAME`: a systemd unit, with its suffix.
    Unit(String),
    /// `container:ID_OR_NAME`: a container by its id, a part of it from the start, or its name.
    Container(String),
    /// `pod:NAMESPACE/NAME` or `pod:UID`: a Kubernetes pod with all its containers.
    Pod(PodName),
    /// `pid:N`: the cgroup that this process is in, 1 to 4194304.
    Pid(u32),
}

impl FromStr for TargetSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some(("cgroup", path)) => cgroup(path),
            Some(("unit", name)) => unit(name).map(TargetSpec::Unit),
            Some(("container", name)) => container::checked(name).map(TargetSpec::Container),
            Some(("pod", name)) => name.parse().map(TargetSpec::Pod),
            Some(("pid", number)) => pid(number).map(TargetSpec::Pid),
            _ => Err(Error::usage(format!("`{}` is not a target", text.escape_debug())).hint(FORMS)),
        }
    }
}

fn cgroup(path: &str) -> Result<TargetSpec, Error> {
    let path = normal("cgroup", path)?;
    if let Some(below) = path.strip_prefix("/sys/fs/cgroup") {
        let below = below.strip_prefix("/unified").unwrap_or(below);
        if below.is_empty() || below.starts_with('/') {
            let below = if below.is_empty() { "/" } else { below };
            return Err(Error::usage(format!("`{path}` is a path of the file system"))
                .hint(format!("write it from the root of the cgroups: cgroup:{below}")));
        }
    }
    if path.contains("**") {
        return Err(Error::usage(format!("the cgroup `{}` holds `**`", path.escape_debug()))
            .hint("a `*` stands for letters of one name; what is below a match belongs to it anyway"));
    }
    let path = path.to_owned();
    Ok(if path.contains(['*', '?']) { TargetSpec::Cgroups(path) } else { TargetSpec::Cgroup(path) })
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

fn pid(number: &str) -> Result<u32, Error> {
    match number.parse() {
        // The number alone, so that it shows as it was typed: `+7` would parse.
        Ok(pid) if (1..=MOST_PIDS).contains(&pid) && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(pid)
        }
        _ => Err(Error::usage(format!("`{}` is not a pid", number.escape_debug()))
            .hint(format!("a pid is a number from 1 to {MOST_PIDS}"))),
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetSpec::Cgroup(path) | TargetSpec::Cgroups(path) => write!(f, "cgroup:{path}"),
            TargetSpec::Unit(name) => write!(f, "unit:{name}"),
            TargetSpec::Container(name) => write!(f, "container:{name}"),
            TargetSpec::Pod(name) => write!(f, "pod:{name}"),
            TargetSpec::Pid(pid) => write!(f, "pid:{pid}"),
        }
    }
}

as_text!(TargetSpec, "a target such as \"unit:nginx.service\"");
