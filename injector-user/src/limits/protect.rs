//! One entry of the limits file's `protect` list.

use super::Account;
use crate::error::Error;
use crate::spec::peer::{network, show};
use crate::spec::{TargetSpec, as_text};
use ipnet::IpNet;
use std::fmt;
use std::str::FromStr;

/// IFNAMSIZ of linux/if.h, without its final 0.
const LONGEST_INTERFACE: usize = 15;

const FORMS: &str = "write cgroup:/PATH, unit:NAME, pid:NUMBER, user:NAME, port:NUMBER, address:CIDR, \
                     interface:NAME or syscall:NAME";

/// Something that no fault touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Protect {
    /// `cgroup:/path` or `unit:NAME`: it and everything below it, whether it exists now or comes later.
    Target(TargetSpec),
    /// `pid:1234`: this process, and the cgroup that it is in.
    Pid(u32),
    /// `user:postgres` or `user:70`: packets and calls of this user's processes.
    User(Account),
    /// `port:5432`: packets from or to this port, 1 to 65535.
    Port(u16),
    /// `address:10.0.0.0/8`: packets from or to this network.
    Address(IpNet),
    /// `interface:eth1`: packets through this interface, wherever its name appears.
    Interface(String),
    /// `syscall:openat`: this system call, and the family that it belongs to.
    Syscall(String),
}

impl FromStr for Protect {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str, value: &str, hint: &str| {
            Err(Error::usage(format!("`{}` is not {what}", value.escape_debug())).hint(hint))
        };
        match text.split_once(':') {
            Some(("cgroup" | "unit" | "pid", _)) => target(text),
            Some(("user", _)) => text.parse().map(Protect::User),
            Some(("address", net)) => network(net).map(Protect::Address),
            Some(("port", port)) => match port.parse() {
                Ok(port) if port > 0 => Ok(Protect::Port(port)),
                _ => wrong("a port", port, "a port is a number from 1 to 65535"),
            },
            Some(("interface", name)) if is_interface(name) => Ok(Protect::Interface(name.to_owned())),
            Some(("interface", name)) => {
                wrong("an interface's name", name, "write it as `ip link` shows it, such as eth0")
            }
            Some(("syscall", name)) if is_syscall(name) => Ok(Protect::Syscall(name.to_owned())),
            Some(("syscall", name)) => {
                wrong("a system call's name", name, "write it as the kernel does, such as openat")
            }
            _ => Err(Error::usage(format!("`{}` can't be protected", text.escape_debug())).hint(FORMS)),
        }
    }
}

/// A protected path is compared with cgroups that come later, too: it must be one path.
fn target(text: &str) -> Result<Protect, Error> {
    match text.parse()? {
        TargetSpec::Cgroups(pattern) => {
            Err(Error::usage(format!("the pattern `{}` can't be protected", pattern.escape_debug()))
                .hint("write each cgroup, or the one above them: all below it is protected too"))
        }
        // The process itself, and not only where it is now.
        TargetSpec::Pid(pid) => Ok(Protect::Pid(pid)),
        target => Ok(Protect::Target(target)),
    }
}

/// dev_valid_name of net/core/dev.c, without what `ip link` would not show as it is.
fn is_interface(name: &str) -> bool {
    let odd = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= LONGEST_INTERFACE && name != "." && name != ".." && !name.contains(odd)
}

fn is_syscall(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(plain)
}

impl fmt::Display for Protect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Protect::Target(target) => write!(f, "{target}"),
            Protect::Pid(pid) => write!(f, "pid:{pid}"),
            Protect::User(user) => write!(f, "{user}"),
            Protect::Port(port) => write!(f, "port:{port}"),
            Protect::Address(net) => write!(f, "address:{}", show(net)),
            Protect::Interface(name) => write!(f, "interface:{name}"),
            Protect::Syscall(name) => write!(f, "syscall:{name}"),
        }
    }
}

as_text!(Protect, "an entry such as \"unit:NAME\" or \"port:NUMBER\"");
