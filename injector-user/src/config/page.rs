//! Who may read the page.

use std::net::SocketAddr;

use ipnet::IpNet;

use crate::error::Error;

/// Refuses an address that others can reach, unless it is said who.
///
/// # Errors
/// `address` is none of this host's own, and `allow` is empty.
pub(super) fn validate(address: Option<SocketAddr>, allow: &[IpNet]) -> Result<(), Error> {
    match address {
        Some(address) if !address.ip().to_canonical().is_loopback() && allow.is_empty() => Err(Error::usage(
            format!("page `{address}` can be reached from other hosts, and page_allow names none"),
        )
        .hint(
            "write 127.0.0.1 or [::1], or the networks that may read it, such as page_allow: [10.1.0.0/16]",
        )),
        _ => Ok(()),
    }
}
