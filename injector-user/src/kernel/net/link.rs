//! Links: listed, and our own ifb devices made and removed.

use anyhow::{Context, Result, bail};

use super::error::errno_of;
use super::parse::{Reply, u32_at, u64_at};
use super::rtnl::Rtnl;
use super::wire::Message;

/// Length of `struct ifinfomsg` (linux/rtnetlink.h): family, pad, type, index, flags, change.
const IFINFOMSG: usize = 16;
// linux/if_link.h
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_TXQLEN: u16 = 13;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_STATS64: u16 = 23;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
/// ifb stops its queue at this many packets; its default of 32 is less than one burst of a fast sender.
const IFB_QUEUE: u32 = 1000;
/// IFNAMSIZ without the NUL.
const NAME_MAX: usize = 15;

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// ifindex, unique in its namespace.
    pub index: u32,
    /// Name, such as `eth0`.
    pub name: String,
    /// `ifb`, `veth`, `vlan` ...; none for physical devices and lo.
    pub kind: Option<String>,
    /// The alias: our tag on our devices.
    pub alias: Option<String>,
    /// Administratively up (IFF_UP).
    pub up: bool,
    /// IFF_LOOPBACK.
    pub loopback: bool,
    /// ifindex of the bond, bridge or team it is a slave of.
    pub master: Option<u32>,
    /// ifindex of the device below it (VLAN, macvlan, tunnel) or of its peer (veth), if that is in the same namespace.
    pub link: Option<u32>,
    /// MTU in bytes.
    pub mtu: u32,
    /// Counters since the device was made.
    pub stats: LinkStats,
}

/// Packet counters of a device (`struct rtnl_link_stats64`). On an ifb, `rx_dropped` counts what it ate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets dropped on receiving.
    pub rx_dropped: u64,
    /// Packets dropped on sending.
    pub tx_dropped: u64,
}

impl Rtnl {
    /// All links of the namespace.
    pub fn links(&mut self) -> Result<Vec<Link>> {
        let mut message = Message::new(libc::RTM_GETLINK, libc::NLM_F_DUMP, &ifinfomsg(0, 0));
        let replies = self.socket.dump("list links", &mut message)?;
        Ok(replies.iter().filter_map(parse).collect())
    }

    /// Makes an ifb named `name`, gives it `alias`, brings it up and returns its ifindex. Leaves nothing behind if it
    /// fails. IPv6 addresses aren't generated on it, so that it sends nothing of its own into its counters.
    ///
    /// # Errors
    /// EEXIST if the name is taken, EPERM, EOPNOTSUPP if the kernel has no ifb.
    pub fn add_ifb(&mut self, name: &str, alias: &str) -> Result<u32> {
        if name.is_empty() || name.len() > NAME_MAX {
            bail!("add ifb {name:?}: a device name has 1 to {NAME_MAX} characters");
        }
        let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL | libc::NLM_F_ACK;
        self.socket.request(&format!("add ifb {name}"), &mut new_ifb(name, flags))?;
        let made = self.index_of(name)?;
        match self.prepare(made, name, alias) {
            Ok(()) => Ok(made),
            Err(error) => match self.del_link(made) {
                Ok(()) => Err(error),
                Err(second) => Err(error.context(format!("and {name} stays behind: {second:#}"))),
            },
        }
    }

    fn prepare(&mut self, index: u32, name: &str, alias: &str) -> Result<()> {
        // The alias comes first and the device up last: nothing passes through a device without our tag.
        let mut message = Message::new(libc::RTM_SETLINK, libc::NLM_F_ACK, &ifinfomsg(index, 0));
        message.attr_str(IFLA_IFALIAS, alias);
        self.socket.request(&format!("set alias of {name}"), &mut message)?;
        let mut message = Message::new(libc::RTM_SETLINK, libc::NLM_F_ACK, &ifinfomsg(index, 0));
        message.nest(IFLA_AF_SPEC, |m| {
            m.nest(libc::AF_INET6 as u16, |m| m.attr(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]));
        });
        // Refused where IPv6 is off, and then there is nothing to switch off.
        let _ = self.socket.request(&format!("keep IPv6 off {name}"), &mut message);
        let mut message =
            Message::new(libc::RTM_SETLINK, libc::NLM_F_ACK, &ifinfomsg(index, libc::IFF_UP as u32));
        self.socket.request(&format!("bring {name} up"), &mut message).map(|_| ())
    }

    fn index_of(&mut self, name: &str) -> Result<u32> {
        let mut message = Message::new(libc::RTM_GETLINK, libc::NLM_F_ACK, &ifinfomsg(0, 0));
        message.attr_str(IFLA_IFNAME, name);
        let replies = self.socket.request(&format!("look up link {name}"), &mut message)?;
        replies
            .iter()
            .find_map(parse)
            .map(|link| link.index)
            .with_context(|| format!("look up link {name}: no answer"))
    }

    /// Removes link `index`. That it is gone already is fine.
    pub fn del_link(&mut self, index: u32) -> Result<()> {
        let mut message = Message::new(libc::RTM_DELLINK, libc::NLM_F_ACK, &ifinfomsg(index, 0));
        match self.socket.request(&format!("delete link {index}"), &mut message) {
            Err(error) if errno_of(&error) != Some(libc::ENODEV) => Err(error),
            _ => Ok(()),
        }
    }
}

fn new_ifb(name: &str, flags: i32) -> Message {
    let mut message = Message::new(libc::RTM_NEWLINK, flags, &ifinfomsg(0, 0));
    message.attr_str(IFLA_IFNAME, name);
    message.attr_u32(IFLA_TXQLEN, IFB_QUEUE);
    message.nest(IFLA_LINKINFO, |m| m.attr_str(IFLA_INFO_KIND, "ifb"));
    message
}

/// Flags are set and, being the mask of what changes as well, never cleared.
fn ifinfomsg(index: u32, flags: u32) -> Vec<u8> {
    [0, index, flags, flags].iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn parse(reply: &Reply) -> Option<Link> {
    let attrs = reply.attrs(IFINFOMSG);
    let index = u32_at(&reply.payload, 4)?;
    let flags = u32_at(&reply.payload, 8)? as i32;
    let stats = attrs.get(IFLA_STATS64).unwrap_or_default();
    let counter = |n: usize| u64_at(stats, n * 8).unwrap_or(0);
    Some(Link {
        index,
        name: attrs.str(IFLA_IFNAME)?,
        kind: attrs.nested(IFLA_LINKINFO).str(IFLA_INFO_KIND),
        alias: attrs.str(IFLA_IFALIAS),
        up: flags & libc::IFF_UP != 0,
        loopback: flags & libc::IFF_LOOPBACK != 0,
        master: attrs.u32(IFLA_MASTER),
        // An ifindex of another namespace would name a wrong device here.
        link: attrs
            .u32(IFLA_LINK)
            .filter(|lower| *lower != 0 && *lower != index && attrs.get(IFLA_LINK_NETNSID).is_none()),
        mtu: attrs.u32(IFLA_MTU).unwrap_or(0),
        stats: LinkStats {
            rx_packets: counter(0),
            tx_packets: counter(1),
            rx_dropped: counter(6),
            tx_dropped: counter(7),
        },
    })
}
