//! clsact, the qdisc that carries filters on both sides of a link.

use anyhow::Result;

use super::error::errno_of;
use super::qdisc::QdiscStats;
use super::rtnl::{Rtnl, TCA_KIND, tcmsg};
use super::wire::Message;
use crate::plan::Side;

// linux/pkt_sched.h
const TC_H_CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;

impl Rtnl {
    /// Adds clsact to link `index`. True if it was added, false if it was there.
    ///
    /// # Errors
    /// If the older `ingress` qdisc has its place: that one has no egress side and isn't ours to replace. ENODEV, EPERM.
    pub fn ensure_clsact(&mut self, index: u32) -> Result<bool> {
        let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL | libc::NLM_F_ACK;
        let mut message = clsact(libc::RTM_NEWQDISC, flags, index);
        match self.socket.request(&format!("add clsact to link {index}"), &mut message) {
            Ok(_) => Ok(true),
            Err(error) if errno_of(&error) == Some(libc::EEXIST) => {
                let found = self.qdisc_stats(index)?.into_iter().find(|qdisc| qdisc.handle == CLSACT_HANDLE);
                match found {
                    Some(qdisc) if qdisc.kind == "clsact" => Ok(false),
                    Some(qdisc) => {
                        Err(error.context(format!("link {index} has a qdisc {} there", qdisc.kind)))
                    }
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Has link `index` a clsact qdisc?
    ///
    /// # Errors
    /// The qdiscs could not be listed.
    pub fn has_clsact(&mut self, index: u32) -> Result<bool> {
        let is_clsact = |qdisc: &QdiscStats| qdisc.handle == CLSACT_HANDLE && qdisc.kind == "clsact";
        Ok(self.qdisc_stats(index)?.iter().any(is_clsact))
    }

    /// Removes clsact from link `index` if neither side has a filter, whosever it is. True if it was removed, false if
    /// it is in use or wasn't there.
    pub fn del_clsact_if_empty(&mut self, index: u32) -> Result<bool> {
        if !self.has_clsact(index)? {
            return Ok(false);
        }
        if !self.filters(index, Side::Egress)?.is_empty() || !self.filters(index, Side::Ingress)?.is_empty() {
            return Ok(false);
        }
        let mut message = clsact(libc::RTM_DELQDISC, libc::NLM_F_ACK, index);
        match self.socket.request(&format!("delete clsact of link {index}"), &mut message) {
            Ok(_) => Ok(true),
            // Gone meanwhile, with its link (ENODEV) or alone (ENOENT; EINVAL: "Cannot find specified qdisc").
            Err(_) if !self.has_clsact(index)? => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn clsact(kind: u16, flags: i32, index: u32) -> Message {
    let mut message = Message::new(kind, flags, &tcmsg(index, CLSACT_HANDLE, TC_H_CLSACT, 0));
    message.attr_str(TCA_KIND, "clsact");
    message
}
