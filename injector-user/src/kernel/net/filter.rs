//! cls_bpf filters on a link's clsact.

use std::os::fd::RawFd;

use anyhow::{Result, bail};

use super::parse::{Reply, u32_at};
use super::rtnl::{Rtnl, TCA_KIND, TCA_OPTIONS, TCMSG, tcmsg};
use super::wire::Message;
use crate::plan::Side;

// linux/pkt_sched.h: TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS / TC_H_MIN_EGRESS)
const CLSACT_INGRESS: u32 = 0xffff_fff2;
const CLSACT_EGRESS: u32 = 0xffff_fff3;
// linux/pkt_cls.h
const TCA_BPF_ACT: u16 = 1;
const TCA_BPF_FD: u16 = 6;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_FLAGS: u16 = 8;
const TCA_BPF_ID: u16 = 11;
const TCA_BPF_FLAG_ACT_DIRECT: u32 = 1;
const TCA_ACT_KIND: u16 = 1;
const TCA_ACT_OPTIONS: u16 = 2;
const TC_ACT_STOLEN: u32 = 4;
// linux/tc_act/tc_mirred.h
const TCA_MIRRED_PARMS: u16 = 2;
const TCA_EGRESS_REDIR: u32 = 1;
/// net/sched/cls_bpf.c: CLS_BPF_NAME_LEN, with its NUL.
const NAME_SIZE: usize = 256;

/// The place of a side's filters in clsact.
fn parent(side: Side) -> u32 {
    match side {
        Side::Egress => CLSACT_EGRESS,
        Side::Ingress => CLSACT_INGRESS,
    }
}

/// What happens to a packet that the program has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterAction {
    /// The program's return value is the verdict (TC_ACT_*).
    Direct,
    /// Return value 0: the filter doesn't match and the next one is asked. Any other (-1 by custom): the packet is
    /// redirected to the egress side of this ifindex. From an ifb a packet comes back to the side that it was taken
    /// from: one that was leaving leaves, one that came in goes on up (ifb_ri_tasklet, drivers/net/ifb.c). It passes
    /// the classifiers a second time there, but not the actions, so it can't go round in a circle.
    RedirectTo(u32),
}

/// A cls_bpf filter to be added.
#[derive(Debug, Clone, Copy)]
pub struct BpfFilter<'a> {
    /// Which side of the link.
    pub side: Side,
    /// Order among the filters of that side: low comes first. Not 0.
    pub prio: u16,
    /// Names it within its priority. Not 0.
    pub handle: u32,
    /// Descriptor of a loaded program of type SCHED_CLS; the filter takes a reference of its own.
    pub prog_fd: RawFd,
    /// Our tag, at most 255 bytes.
    pub name: &'a str,
    /// What happens to packets.
    pub action: FilterAction,
}

/// A filter of any kind that is on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Priority.
    pub prio: u16,
    /// Handle within its priority.
    pub handle: u32,
    /// `bpf`, `u32`, `flower` ...
    pub kind: String,
    /// Of cls_bpf: its name, our tag on ours.
    pub name: Option<String>,
    /// Of cls_bpf with an eBPF program: the program's id.
    pub prog_id: Option<u32>,
}

impl Rtnl {
    /// Adds a cls_bpf filter for every protocol to link `index`, which must have a clsact.
    ///
    /// # Errors
    /// EEXIST if priority and handle are taken (nothing is replaced), EINVAL if there is no clsact or the program is of
    /// another type, ENODEV if the redirect's target is gone, ENOENT if the kernel lacks cls_bpf or act_mirred, EPERM.
    pub fn add_bpf_filter(&mut self, index: u32, filter: &BpfFilter<'_>) -> Result<()> {
        if filter.prio == 0 || filter.handle == 0 || filter.name.len() >= NAME_SIZE {
            bail!(
                "add filter {:?} to link {index}: needs a priority, a handle and a name below {NAME_SIZE} bytes",
                filter.name
            );
        }
        let asked =
            format!("add filter {} to link {index} ({}, prio {})", filter.name, filter.side, filter.prio);
        self.socket.request(&asked, &mut add_message(index, filter)).map(|_| ())
    }

    /// The filters on one side of link `index`; none if it has no clsact or is gone.
    pub fn filters(&mut self, index: u32, side: Side) -> Result<Vec<Filter>> {
        let body = tcmsg(index, 0, parent(side), 0);
        let mut message = Message::new(libc::RTM_GETTFILTER, libc::NLM_F_DUMP, &body);
        let replies = self.socket.dump(&format!("list filters of link {index}"), &mut message)?;
        Ok(replies.iter().filter_map(parse).collect())
    }

    /// Removes one filter. That it, its clsact or its link is gone already is fine.
    pub fn del_filter(&mut self, index: u32, side: Side, prio: u16, handle: u32) -> Result<()> {
        if prio == 0 || handle == 0 {
            // To the kernel these mean "all of them".
            bail!("delete filter of link {index}: needs a priority and a handle");
        }
        let body = tcmsg(index, handle, parent(side), info(prio));
        let mut message = Message::new(libc::RTM_DELTFILTER, libc::NLM_F_ACK, &body);
        let asked = format!("delete filter {handle:#x} of link {index} ({side}, prio {prio})");
        let Err(error) = self.socket.request(&asked, &mut message) else { return Ok(()) };
        // ENOENT, ENODEV, and EINVAL for "Parent Qdisc doesn't exists": the list says more than the errno.
        let there = self.filters(index, side)?.iter().any(|f| f.prio == prio && f.handle == handle);
        if there { Err(error) } else { Ok(()) }
    }
}

/// `tcm_info`: the priority and the protocol ETH_P_ALL in network order.
fn info(prio: u16) -> u32 {
    u32::from(prio) << 16 | u32::from((libc::ETH_P_ALL as u16).to_be())
}

fn add_message(index: u32, filter: &BpfFilter<'_>) -> Message {
    let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL | libc::NLM_F_ACK;
    let body = tcmsg(index, filter.handle, parent(filter.side), info(filter.prio));
    let mut message = Message::new(libc::RTM_NEWTFILTER, flags, &body);
    message.attr_str(TCA_KIND, "bpf");
    message.nest(TCA_OPTIONS, |m| {
        match filter.action {
            FilterAction::Direct => m.attr_u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
            // Attribute 1 of the list is the first action.
            FilterAction::RedirectTo(target) => m.nest(TCA_BPF_ACT, |m| m.nest(1, |m| mirred(m, target))),
        }
        m.attr_u32(TCA_BPF_FD, filter.prog_fd as u32);
        m.attr_str(TCA_BPF_NAME, filter.name);
    });
    message
}

fn mirred(message: &mut Message, target: u32) {
    message.attr_str(TCA_ACT_KIND, "mirred");
    message.nest(TCA_ACT_OPTIONS, |m| {
        // struct tc_mirred: index, capab, action, refcnt, bindcnt, eaction, ifindex. Index 0: an action of its own.
        let parms = [0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, target];
        m.attr(TCA_MIRRED_PARMS, &parms.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>());
    });
}

fn parse(reply: &Reply) -> Option<Filter> {
    let handle = u32_at(&reply.payload, 8)?;
    // Each priority is announced by an entry of its own, without a handle.
    if handle == 0 {
        return None;
    }
    let attrs = reply.attrs(TCMSG);
    let kind = attrs.str(TCA_KIND)?;
    let bpf = Some(attrs.nested(TCA_OPTIONS)).filter(|_| kind == "bpf");
    Some(Filter {
        prio: (u32_at(&reply.payload, 16)? >> 16) as u16,
        handle,
        name: bpf.and_then(|options| options.str(TCA_BPF_NAME)),
        prog_id: bpf.and_then(|options| options.u32(TCA_BPF_ID)),
        kind,
    })
}

#[cfg(test)]
mod unit {
    use super::super::parse::replies;
    use super::*;

    #[test]
    fn encodes_direct_and_mirred_filters() {
        let mut filter = BpfFilter {
            side: Side::Egress,
            prio: 9,
            handle: 1,
            prog_fd: 5,
            name: "t",
            action: FilterAction::Direct,
        };
        let direct = replies(add_message(3, &filter).bytes(1)).remove(0);
        assert_eq!(u32_at(&direct.payload, 12), Some(CLSACT_EGRESS));
        assert_eq!(direct.payload[16..20], [0, 3, 9, 0], "ETH_P_ALL in network order, then the priority");
        let options = direct.attrs(TCMSG).nested(TCA_OPTIONS);
        assert_eq!((options.u32(TCA_BPF_FD), options.u32(TCA_BPF_FLAGS)), (Some(5), Some(1)));
        assert_eq!(options.str(TCA_BPF_NAME).as_deref(), Some("t"));
        assert_eq!(parse(&direct).map(|f| (f.prio, f.handle, f.name)), Some((9, 1, Some("t".into()))));

        filter.action = FilterAction::RedirectTo(42);
        let redirect = replies(add_message(3, &filter).bytes(1)).remove(0);
        let options = redirect.attrs(TCMSG).nested(TCA_OPTIONS);
        assert_eq!(options.u32(TCA_BPF_FLAGS), None);
        let action = options.nested(TCA_BPF_ACT).nested(1);
        assert_eq!(action.str(TCA_ACT_KIND).as_deref(), Some("mirred"));
        let parms = action.nested(TCA_ACT_OPTIONS).get(TCA_MIRRED_PARMS).expect("parms");
        let words: Vec<_> = (0..7).filter_map(|n| u32_at(parms, n * 4)).collect();
        assert_eq!((parms.len(), words), (28, vec![0, 0, 4, 0, 0, 1, 42]));
    }
}
