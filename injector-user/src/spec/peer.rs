//! With whom the target talks: `CIDR[:PORT]`.

use super::as_text;
use crate::error::Error;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The other end of a packet as it is on the wire at the hook: a network, a port, or both.
///
/// `10.0.0.5`, `10.0.0.0/8:5432`, `2001:db8::1`, `[2001:db8::/32]:443`, `:443` (any address).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The network, without host bits; `None` is any IPv4 or IPv6 address.
    pub net: Option<IpNet>,
    /// The port, 1 to 65535; `None` is any port, and protocols without ports.
    pub port: Option<u16>,
}

const FORMS: &str = "write CIDR[:PORT], such as 10.0.0.5:5432, 10.0.0.0/8, [2001:db8::/32]:443 or :443";

impl FromStr for Peer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let asked = text.trim();
        let malformed =
            || Error::usage(format!("`{}` is not a peer", asked.escape_debug())).hint(FORMS.to_owned());
        let (net, port) = if let Some(rest) = asked.strip_prefix('[') {
            match rest.split_once(']') {
                Some((net, "")) => (net, None),
                Some((net, rest)) => (net, Some(rest.strip_prefix(':').ok_or_else(malformed)?)),
                None => return Err(malformed()),
            }
        } else if asked.matches(':').count() > 1 {
            (asked, None)
        } else {
            match asked.split_once(':') {
                Some((net, port)) => (net, Some(port)),
                None => (asked, None),
            }
        };
        let bracketed = asked.starts_with('[');
        let port = port.map(parse_port).transpose()?;
        if net.is_empty() && port.is_some() && !bracketed {
            return Ok(Peer { net: None, port });
        }
        if asked.bytes().all(|byte| byte.is_ascii_digit()) && !asked.is_empty() {
            return Err(Error::usage(format!("`{asked}` is not a peer"))
                .hint(format!("a port alone is written :{asked}")));
        }
        let net = network(net)?;
        if bracketed && net.addr().is_ipv4() {
            return Err(malformed());
        }
        Ok(Peer { net: Some(net), port })
    }
}

fn parse_port(text: &str) -> Result<u16, Error> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(Error::usage(format!("`{}` is not a port", text.escape_debug()))
            .hint("a port is a number from 1 to 65535")),
    }
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
        match (&self.net, self.port) {
            (Some(net), Some(port)) if net.addr().is_ipv6() => write!(f, "[{}]:{port}", show(net)),
            (Some(net), Some(port)) => write!(f, "{}:{port}", show(net)),
            (Some(net), None) => f.write_str(&show(net)),
            (None, Some(port)) => write!(f, ":{port}"),
            (None, None) => f.write_str("any"),
        }
    }
}

as_text!(Peer, "a peer such as \"10.0.0.5:5432\"");
