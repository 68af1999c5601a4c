//! Routes: only the default gateways, which protections keep reachable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use super::parse::{Attrs, Reply, bytes_at, u16_at};
use super::rtnl::Rtnl;
use super::wire::Message;

/// Length of `struct rtmsg` (linux/rtnetlink.h); byte 1 is dst_len, byte 7 the type.
const RTMSG: usize = 12;
/// Length of `struct rtnexthop`: u16 len, flags, hops, i32 ifindex.
const RTNEXTHOP: usize = 8;
// linux/rtnetlink.h
const RTA_GATEWAY: u16 = 5;
const RTA_MULTIPATH: u16 = 9;
const RTA_VIA: u16 = 18;

impl Rtnl {
    /// The gateways of every default route of both families, in any table, once each. A link-local gateway comes
    /// without its interface.
    pub fn default_gateways(&mut self) -> Result<Vec<IpAddr>> {
        let mut found = Vec::new();
        for family in [libc::AF_INET, libc::AF_INET6] {
            let mut body = [0; RTMSG];
            body[0] = family as u8;
            let mut message = Message::new(libc::RTM_GETROUTE, libc::NLM_F_DUMP, &body);
            let replies = self.socket.dump("list routes", &mut message)?;
            found.extend(replies.iter().filter(|reply| is_default(reply)).flat_map(gateways));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn is_default(reply: &Reply) -> bool {
    reply.payload.get(1) == Some(&0) && reply.payload.get(7) == Some(&libc::RTN_UNICAST)
}

fn gateways(reply: &Reply) -> Vec<IpAddr> {
    let attrs = reply.attrs(RTMSG);
    let mut out = Vec::from_iter(gateway(attrs));
    let mut hops = attrs.get(RTA_MULTIPATH).unwrap_or_default();
    while let Some(hop) = u16_at(hops, 0).and_then(|len| hops.get(..usize::from(len))) {
        let Some(inner) = hop.get(RTNEXTHOP..) else { break };
        out.extend(gateway(Attrs(inner)));
        hops = hops.get(hop.len().next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

fn gateway(attrs: Attrs<'_>) -> Option<IpAddr> {
    // RTA_VIA is a gateway of the other family, behind a u16 that names it.
    let raw = attrs.get(RTA_GATEWAY).or_else(|| attrs.get(RTA_VIA)?.get(2..))?;
    match raw.len() {
        4 => bytes_at::<4>(raw, 0).map(|octets| Ipv4Addr::from(octets).into()),
        16 => bytes_at::<16>(raw, 0).map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn reads_plain_via_and_multipath_gateways() {
        let mut message = Message::new(24, 0, &[2, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0]);
        message.attr(RTA_VIA, &[&[10, 0][..], &Ipv6Addr::LOCALHOST.octets()].concat());
        let hop = |last| [16, 0, 0, 1, 3, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, last];
        message.attr(RTA_MULTIPATH, &[hop(1), hop(2)].concat());
        let reply = &super::super::parse::replies(message.bytes(1))[0];
        assert!(is_default(reply));
        let expected = ["::1", "10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().expect("address"));
        assert_eq!(gateways(reply), expected);
    }
}
