//! The route netlink socket that links, qdiscs, filters and routes share.

use anyhow::Result;

use super::netns::Netns;
use super::socket::NlSocket;

/// A route netlink socket. It belongs to the namespace it was opened in, whichever thread uses it later.
#[derive(Debug)]
pub struct Rtnl {
    pub(super) socket: NlSocket,
    /// Where it was opened.
    pub(super) ns: Netns,
}

impl Rtnl {
    /// Opens a socket inside `ns`.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN if `ns` isn't the caller's own.
    pub fn open(ns: &Netns) -> Result<Self> {
        Ok(Self { socket: ns.run(|| NlSocket::open(libc::NETLINK_ROUTE))?, ns: ns.clone() })
    }
}

/// `struct tcmsg` (linux/rtnetlink.h): family and padding, ifindex, handle, parent, info.
pub(super) fn tcmsg(index: u32, handle: u32, parent: u32, info: u32) -> Vec<u8> {
    [0, index, handle, parent, info].iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Length of `struct tcmsg`.
pub(super) const TCMSG: usize = 20;
/// linux/rtnetlink.h: kind of a qdisc or filter.
pub(super) const TCA_KIND: u16 = 1;
/// linux/rtnetlink.h: options of a qdisc or filter.
pub(super) const TCA_OPTIONS: u16 = 2;
