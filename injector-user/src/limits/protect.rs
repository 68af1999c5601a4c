//! One entry of the limits file's `protect` list.

use crate::error::Error;
use crate::spec::peer::{network, show};
use crate::spec::{TargetSpec, as_text};
use ipnet::IpNet;
use std::fmt;
use std::str::FromStr;

/// Something that no fault touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Protect {
    /// `cgroup:/path` or `unit:NAME`: it and everything below it, whether it exists now or comes later.
    Target(TargetSpec),
    /// `port:5432`: packets from or to this port, 1 to 65535.
    Port(u16),
    /// `address:10.0.0.0/8`: packets from or to this network.
    Address(IpNet),
}

impl FromStr for Protect {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some(("cgroup" | "unit", _)) => text.parse().map(Protect::Target),
            Some(("address", net)) => network(net).map(Protect::Address),
            Some(("port", port)) => match port.parse() {
                Ok(port) if port > 0 => Ok(Protect::Port(port)),
                _ => Err(Error::usage(format!("`{}` is not a port", port.escape_debug()))
                    .hint("a port is a number from 1 to 65535")),
            },
            _ => Err(Error::usage(format!("`{}` can't be protected", text.escape_debug()))
                .hint("write cgroup:/PATH, unit:NAME, port:NUMBER or address:CIDR")),
        }
    }
}

impl fmt::Display for Protect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Protect::Target(target) => write!(f, "{target}"),
            Protect::Port(port) => write!(f, "port:{port}"),
            Protect::Address(net) => write!(f, "address:{}", show(net)),
        }
    }
}

as_text!(Protect, "cgroup:/PATH, unit:NAME, port:NUMBER or address:CIDR");
