//! Sockets of a network namespace, with the cgroup each belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;

use super::netns::Netns;
use super::parse::{Reply, bytes_at, u32_at, u64_at};
use super::socket::NlSocket;
use super::wire::Message;
use crate::spec::Protocol;

/// linux/sock_diag.h
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// linux/inet_diag.h: id of the cgroup v2 that the socket's creator was in. Kernels without SOCK_CGROUP_DATA omit it.
const INET_DIAG_CGROUP_ID: u16 = 21;
/// Length of `struct inet_diag_msg`: 4 bytes, 48 of sockid, expires, rqueue, wqueue, uid, inode.
pub(super) const INET_DIAG_MSG: usize = 72;
/// Length of `struct inet_diag_sockid`, zero in a dump request.
pub(super) const SOCKID: usize = 48;
// include/net/tcp_states.h
pub(super) const TCP_TIME_WAIT: u32 = 6;
pub(super) const TCP_LISTEN: u32 = 10;
pub(super) const ALL_STATES: u32 = 0xfff;

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl From<Proto> for Protocol {
    fn from(proto: Proto) -> Self {
        match proto {
            Proto::Tcp => Self::Tcp,
            Proto::Udp => Self::Udp,
        }
    }
}

/// A TCP socket in state LISTEN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Address and port it listens on; `::` may stand for IPv4 too.
    pub local: SocketAddr,
    /// Connections that wait for accept(2).
    pub accept_queue: u32,
    /// How many may wait: the backlog of listen(2), limited by net.core.somaxconn.
    pub accept_limit: u32,
    /// Cgroup v2 id of its creator, where the kernel tells.
    pub cgroup_id: Option<u64>,
    /// Inode of the socket: the `n` of `socket:[n]` in `/proc/<pid>/fd`.
    pub inode: u32,
}

/// A socket that carries data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SockInfo {
    /// Protocol.
    pub proto: Proto,
    /// TCP_* state (include/net/tcp_states.h): 1 established; UDP has 1 connected and 7 not connected.
    pub state: u8,
    /// Own address; IPv4 also where the socket is of IPv6 with a mapped address.
    pub local: SocketAddr,
    /// The peer's; unspecified with port 0 if it has none.
    pub remote: SocketAddr,
    /// Cgroup v2 id of its creator, where the kernel tells.
    pub cgroup_id: Option<u64>,
    /// Inode of the socket; 0 once no descriptor refers to it.
    pub inode: u32,
}

/// All listening TCP sockets of `ns`.
///
/// # Errors
/// ENOENT if the kernel lacks INET_TCP_DIAG (module tcp_diag).
pub fn listeners(ns: &Netns) -> Result<Vec<Listener>> {
    let replies = dump(ns, Proto::Tcp, 1 << TCP_LISTEN)?;
    let listener = |reply: &Reply| {
        Some(Listener {
            local: address(&reply.payload, 4, 8)?,
            accept_queue: u32_at(&reply.payload, 56)?,
            accept_limit: u32_at(&reply.payload, 60)?,
            cgroup_id: cgroup(reply),
            inode: u32_at(&reply.payload, 68)?,
        })
    };
    Ok(replies.iter().filter_map(listener).collect())
}

/// All sockets of `ns` that use `proto`, but for TCP's listening and TIME_WAIT ones.
///
/// # Errors
/// ENOENT if the kernel lacks INET_TCP_DIAG or INET_UDP_DIAG (modules tcp_diag, udp_diag).
pub fn sockets(ns: &Netns, proto: Proto) -> Result<Vec<SockInfo>> {
    let states = match proto {
        Proto::Tcp => ALL_STATES & !(1 << TCP_TIME_WAIT | 1 << TCP_LISTEN),
        Proto::Udp => ALL_STATES,
    };
    let socket = |reply: &Reply| {
        Some(SockInfo {
            proto,
            state: *reply.payload.get(1)?,
            local: address(&reply.payload, 4, 8)?,
            remote: address(&reply.payload, 6, 24)?,
            cgroup_id: cgroup(reply),
            inode: u32_at(&reply.payload, 68)?,
        })
    };
    Ok(dump(ns, proto, states)?.iter().filter_map(socket).collect())
}

fn dump(ns: &Netns, proto: Proto, states: u32) -> Result<Vec<Reply>> {
    let mut socket = ns.run(|| NlSocket::open(libc::NETLINK_SOCK_DIAG))?;
    let mut all = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let asked = format!("list {proto:?} sockets of family {family}");
        all.extend(socket.dump(&asked, &mut request(family, proto, states))?);
    }
    Ok(all)
}

/// `struct inet_diag_req_v2`: family, protocol, extensions, pad, states, sockid. The cgroup id needs no extension.
fn request(family: i32, proto: Proto, states: u32) -> Message {
    let protocol = match proto {
        Proto::Tcp => libc::IPPROTO_TCP,
        Proto::Udp => libc::IPPROTO_UDP,
    };
    let mut body = vec![family as u8, protocol as u8, 0, 0];
    body.extend_from_slice(&states.to_ne_bytes());
    body.extend_from_slice(&[0; SOCKID]);
    Message::new(SOCK_DIAG_BY_FAMILY, libc::NLM_F_DUMP, &body)
}

/// The port (network order) and address at these offsets of an inet_diag_msg, whose first byte is the family.
pub(super) fn address(msg: &[u8], port_at: usize, ip_at: usize) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(bytes_at(msg, port_at)?);
    let ip = match i32::from(*msg.first()?) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(bytes_at::<4>(msg, ip_at)?)),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(bytes_at::<16>(msg, ip_at)?)).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

pub(super) fn cgroup(reply: &Reply) -> Option<u64> {
    reply.attrs(INET_DIAG_MSG).get(INET_DIAG_CGROUP_ID).and_then(|data| u64_at(data, 0))
}

#[cfg(test)]
mod unit {
    use super::super::parse::replies;
    use super::*;

    #[test]
    fn encodes_the_request_and_reads_mapped_addresses() {
        let listen = replies(request(libc::AF_INET, Proto::Tcp, 1 << TCP_LISTEN).bytes(1)).remove(0);
        assert_eq!((listen.kind, listen.payload.len()), (20, 56));
        assert_eq!(listen.payload[..8], [2, 6, 0, 0, 0, 4, 0, 0]);
        let mut msg = [0; INET_DIAG_MSG];
        msg[0] = libc::AF_INET6 as u8;
        msg[6..8].copy_from_slice(&443u16.to_be_bytes());
        msg[24..40].copy_from_slice(&Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets());
        assert_eq!(address(&msg, 6, 24), "10.0.0.1:443".parse().ok());
        assert_eq!(address(&msg[..30], 6, 24), None);
    }
}
