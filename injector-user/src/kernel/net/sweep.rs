//! Removes what an injector that is no more left in a network namespace, without losing what is under way.

use std::time::{Duration, Instant};

use anyhow::{Error, Result};

use super::inventory::{Leftover, LeftoverKind, backlog, inventory_of};
use super::netns::Netns;
use super::rtnl::Rtnl;
use crate::plan::Side;

/// How often a queue is looked at while it drains.
const POLL: Duration = Duration::from_millis(5);
/// Packets that have left the qdisc pass through ifb's own tasklet, which no counter shows.
const SETTLE: Duration = Duration::from_millis(10);

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// What is gone: filters, then devices. A device's backlog is what it had when the sweep began.
    pub removed: Vec<Leftover>,
    /// Packets that were still in the removed devices' queues, and are lost.
    pub lost_packets: u64,
    /// Their bytes.
    pub lost_bytes: u64,
    /// How long the sweep waited for queues to drain.
    pub drained_for: Duration,
    /// Links that lost a filter and have none now: their clsact may go if the journal says that we made it.
    pub bare: Vec<u32>,
    /// What went wrong; the sweep went on.
    pub errors: Vec<Error>,
}

/// Removes everything in `ns` whose instance `accept` accepts: first the filters, so that nothing new enters our
/// devices, then, once their queues are empty or `drain` has passed, the devices.
///
/// # Errors
/// Only if nothing could be listed; everything later is in [`Swept::errors`].
pub fn sweep(ns: &Netns, accept: &dyn Fn(&str) -> bool, drain: Duration) -> Result<Swept> {
    let mut rtnl = Rtnl::open(ns)?;
    let mut found = inventory_of(&mut rtnl, ns.inode())?;
    found.retain(|leftover| accept(&leftover.instance));
    let (filters, devices): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|leftover| matches!(leftover.kind, LeftoverKind::Filter { .. }));
    let mut swept = Swept::default();
    delete_filters(&mut rtnl, filters, &mut swept);
    if !devices.is_empty() {
        wait_until_empty(&mut rtnl, &devices, drain, &mut swept);
        delete_devices(&mut rtnl, devices, &mut swept);
    }
    Ok(swept)
}

fn delete_filters(rtnl: &mut Rtnl, filters: Vec<Leftover>, swept: &mut Swept) {
    let mut touched = Vec::new();
    for leftover in filters {
        let LeftoverKind::Filter { side, prio, handle, .. } = leftover.kind else { continue };
        match rtnl.del_filter(leftover.index, side, prio, handle) {
            Ok(()) => {
                touched.push(leftover.index);
                swept.removed.push(leftover);
            }
            Err(error) => swept.errors.push(error),
        }
    }
    touched.sort_unstable();
    touched.dedup();
    for index in touched {
        match is_bare(rtnl, index) {
            Ok(true) => swept.bare.push(index),
            Ok(false) => {}
            Err(error) => swept.errors.push(error),
        }
    }
}

fn is_bare(rtnl: &mut Rtnl, index: u32) -> Result<bool> {
    Ok(rtnl.filters(index, Side::Egress)?.is_empty() && rtnl.filters(index, Side::Ingress)?.is_empty())
}

fn wait_until_empty(rtnl: &mut Rtnl, devices: &[Leftover], drain: Duration, swept: &mut Swept) {
    let start = Instant::now();
    loop {
        match waiting(rtnl, devices) {
            Ok(0) => {
                // Not longer than was asked for: 0 means "at once".
                std::thread::sleep(SETTLE.min(drain));
                break;
            }
            Ok(_) if start.elapsed() < drain => std::thread::sleep(POLL),
            Ok(_) => break,
            Err(error) => {
                swept.errors.push(error);
                break;
            }
        }
    }
    swept.drained_for = start.elapsed();
}

/// Packets that wait in all of `devices`.
fn waiting(rtnl: &mut Rtnl, devices: &[Leftover]) -> Result<u64> {
    devices.iter().try_fold(0, |sum, device| Ok(sum + u64::from(backlog(rtnl, device.index)?.0)))
}

fn delete_devices(rtnl: &mut Rtnl, devices: Vec<Leftover>, swept: &mut Swept) {
    for device in devices {
        let left = backlog(rtnl, device.index);
        if let Err(error) = rtnl.del_link(device.index) {
            swept.errors.push(error);
            continue;
        }
        match left {
            Ok((packets, bytes)) => {
                swept.lost_packets += u64::from(packets);
                swept.lost_bytes += u64::from(bytes);
            }
            Err(error) => swept.errors.push(error),
        }
        swept.removed.push(device);
    }
}
