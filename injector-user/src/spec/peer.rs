//! With whom the target talks: `HOST[:PORTS]`.

use super::{Host, Ports, as_text};
use crate::error::Error;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The other end of a packet as it is on the wire at the hook: an address, ports, or both.
///
/// `10.0.0.5`, `10.0.0.0/8:5432`, `db.internal:5432`, `2001:db8::1`, `[2001:db8::/32]:8000-8999`, `:443` (any address).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Whose address.
    pub host: Host,
    /// The ports; `None` is any port, and protocols without ports.
    pub ports: Option<Ports>,
}

const FORMS: &str = "write CIDR or NAME, with :PORT or :LOW-HIGH behind it or alone, such as 10.0.0.5:5432, 10.0.0.0/8, \
                     db.internal:5432, [2001:db8::/32]:443 or :8000-8999";

impl FromStr for Peer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        let malformed =
            || Error::usage(format!("`{}` is not a peer", asked.escape_debug())).hint(FORMS.to_owned());
        let (host, ports) = if let Some(rest) = asked.strip_prefix('[') {
            match rest.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(malformed)?)),
                None => return Err(malformed()),
            }
        } else if asked.matches(':').count() > 1 {
            (asked, None)
        } else {
            match asked.split_once(':') {
                Some((host, ports)) => (host, Some(ports)),
                None => (asked, None),
            }
        };
        let bracketed = asked.starts_with('[');
        let ports = ports.map(Ports::from_str).transpose()?;
        if host.is_empty() && ports.is_some() && !bracketed {
            return Ok(Peer { host: Host::Any, ports });
        }
        if asked.is_empty() {
            return Err(malformed());
        }
        if asked.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Err(Error::usage(format!("`{asked}` is not a peer"))
                .hint(format!("ports alone are written :{asked}")));
        }
        if !bracketed && is_name(host) {
            return Ok(Peer { host: Host::Name(host.parse()?), ports });
        }
        let net = network(host)?;
        if bracketed && net.addr().is_ipv4() {
            return Err(malformed());
        }
        Ok(Peer { host: Host::Net(net), ports })
    }
}

/// Neither an address nor one that was meant.
fn is_name(host: &str) -> bool {
    !host.contains([':', '/']) && host.contains(|c: char| !c.is_ascii_digit() && c != '.')
}

/// A network without host bits, `10.0.0.0/8`, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, Error> {
    let malformed = || {
        Error::usage(format!("`{}` is not an address or network", text.escape_debug()))
            .hint("names are not looked up; write an address or CIDR such as 10.0.0.0/8 or 2001:db8::/32")
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| malformed())?;
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Err(Error::usage(format!("`{text}` is IPv4 on the wire")).hint(format!("write {v4}")));
    }
    let net = match prefix {
        None => IpNet::from(address),
        Some(prefix) if !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
            let most = if address.is_ipv4() { 32 } else { 128 };
            prefix.parse().ok().and_then(|prefix| IpNet::new(address, prefix).ok()).ok_or_else(|| {
                Error::usage(format!("/{prefix} is too long a prefix for `{address}`"))
                    .hint(format!("it is 0 to {most}"))
            })?
        }
        Some(_) => return Err(malformed()),
    };
    if net.addr() != net.network() {
        return Err(Error::usage(format!("`{text}` has host bits set"))
            .hint(format!("write {} for the network or {address} for the host", net.trunc())));
    }
    Ok(net)
}

/// A network as it is typed: without the prefix if it is one address.
pub(crate) fn show(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.ports) {
            (Host::Net(net), Some(ports)) if net.addr().is_ipv6() => write!(f, "[{}]:{ports}", show(net)),
            (Host::Net(net), Some(ports)) => write!(f, "{}:{ports}", show(net)),
            (Host::Net(net), None) => f.write_str(&show(net)),
            (Host::Name(name), Some(ports)) => write!(f, "{name}:{ports}"),
            (Host::Name(name), None) => name.fmt(f),
            (Host::Any, Some(ports)) => write!(f, ":{ports}"),
            (Host::Any, None) => f.write_str("any"),
        }
    }
}

as_text!(Peer, "a peer such as \"10.0.0.5:5432\"");
