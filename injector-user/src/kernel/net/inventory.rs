//! What injector instances have in a network namespace, found by its tags alone.

use anyhow::Result;

use super::link::Link;
use super::netns::Netns;
use super::rtnl::Rtnl;
use super::tag::{instance_of, instance_of_device};
use crate::plan::Side;

/// A device or filter that carries an injector's tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The instance it belongs to, 8 hex digits.
    pub instance: String,
    /// The full tag; of a device that didn't get its alias yet, the device name.
    pub tag: String,
    /// Inode of the network namespace.
    pub netns: u64,
    /// ifindex of the device, or of the link that the filter is on.
    pub index: u32,
    /// That link's name.
    pub link: String,
    /// Device or filter.
    pub kind: LeftoverKind,
}

/// What kind of thing was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftoverKind {
    /// A device of ours.
    Device {
        /// Packets that wait in its root qdisc.
        backlog_packets: u32,
        /// Bytes that wait there.
        backlog_bytes: u32,
    },
    /// A filter on a link, which may be anybody's.
    Filter {
        /// Which side of the link.
        side: Side,
        /// Its priority.
        prio: u16,
        /// Its handle.
        handle: u32,
        /// Id of its program.
        prog_id: Option<u32>,
    },
}

/// Everything in `ns` that carries the tag of any injector instance: filters first, then devices.
pub fn inventory(ns: &Netns) -> Result<Vec<Leftover>> {
    inventory_of(&mut Rtnl::open(ns)?, ns.inode())
}

pub(super) fn inventory_of(rtnl: &mut Rtnl, netns: u64) -> Result<Vec<Leftover>> {
    let links = rtnl.links()?;
    let mut found = Vec::new();
    for link in &links {
        for side in [Side::Egress, Side::Ingress] {
            for filter in rtnl.filters(link.index, side)? {
                let name = filter.name.as_deref().unwrap_or_default();
                let Some(instance) = instance_of(name) else { continue };
                let (prio, handle, prog_id) = (filter.prio, filter.handle, filter.prog_id);
                let kind = LeftoverKind::Filter { side, prio, handle, prog_id };
                found.push(leftover(instance, name, netns, link, kind));
            }
        }
    }
    for link in &links {
        let Some((instance, tag)) = owner(link) else { continue };
        let (backlog_packets, backlog_bytes) = backlog(rtnl, link.index)?;
        let kind = LeftoverKind::Device { backlog_packets, backlog_bytes };
        found.push(leftover(instance, tag, netns, link, kind));
    }
    Ok(found)
}

/// Packets and bytes that wait in the root qdisc of link `index`; zeros if it is gone.
pub(super) fn backlog(rtnl: &mut Rtnl, index: u32) -> Result<(u32, u32)> {
    let root = rtnl.qdisc_stats(index)?.into_iter().find(|qdisc| qdisc.is_root());
    Ok(root.map_or((0, 0), |root| (root.qlen, root.backlog_bytes)))
}

fn leftover(instance: &str, tag: &str, netns: u64, link: &Link, kind: LeftoverKind) -> Leftover {
    Leftover {
        instance: instance.into(),
        tag: tag.into(),
        netns,
        index: link.index,
        link: link.name.clone(),
        kind,
    }
}

/// Instance and tag of a device of ours. One that its maker was killed over has no alias yet, only its name.
fn owner(link: &Link) -> Option<(&str, &str)> {
    match link.alias.as_deref() {
        Some(alias) => instance_of(alias).map(|instance| (instance, alias)),
        None if link.kind.as_deref() == Some("ifb") => {
            instance_of_device(&link.name).map(|instance| (instance, link.name.as_str()))
        }
        None => None,
    }
}
