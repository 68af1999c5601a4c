//! What each step does to the kernel, and how it is undone.

use std::{
    collections::BTreeSet,
    os::fd::{AsFd as _, AsRawFd as _},
};

use anyhow::{Context as _, Result};
use aya::programs::{LinkOrder, TcAttachType, tc::TcAttachOptions};
use injector_ebpf::names;

use super::{DEVICE_PRIO, HookLink, MAIN_PRIO, Real};
use crate::{
    kernel::net::{self, BpfFilter, FilterAction, Netns, Rtnl, errno_of},
    plan::{Shape, Side, Step},
};

/// The programs to which the main ones jump.
pub(super) const WORKERS: [(u32, &str); 4] = [
    (names::PROG_FORGE, names::FORGE),
    (names::PROG_DNS, names::DNS),
    (names::PROG_GARBLE, names::GARBLE),
    (names::PROG_TWIN, names::TWIN),
];

/// A main program.
struct Main {
    program: &'static str,
    stub: &'static str,
    behind: u32,
    tcx: TcAttachType,
}

impl Main {
    const fn of(side: Side) -> Self {
        match side {
            Side::Egress => Self {
                program: names::EGRESS,
                stub: names::EGRESS_STUB,
                behind: names::PROG_EGRESS,
                tcx: TcAttachType::Egress,
            },
            Side::Ingress => Self {
                program: names::INGRESS,
                stub: names::INGRESS_STUB,
                behind: names::PROG_INGRESS,
                tcx: TcAttachType::Ingress,
            },
        }
    }
}

/// A filter of ours.
struct Filter<'a> {
    side: Side,
    prio: u16,
    what: &'a str,
    action: FilterAction,
}

/// Our device for a rule and a way: the number in its name is the slot, and 16 more for ingress.
pub(in crate::kernel) fn device_name(instance: &str, slot: u32, side: Side) -> String {
    let number = slot + if side == Side::Ingress { 16 } else { 0 };
    net::device_name(instance, u16::try_from(number).unwrap_or(u16::MAX))
}

impl Real {
    pub(super) fn namespace(&self, inode: u64) -> Result<Netns> {
        self.netns.get(&inode).cloned().with_context(|| format!("network namespace {inode} is not open"))
    }

    fn device(&self, slot: u32, side: Side) -> String {
        device_name(&self.instance, slot, side)
    }

    pub(super) fn device_index(&self, ns: &Netns, slot: u32, side: Side) -> Result<Option<u32>> {
        let name = self.device(slot, side);
        Ok(Rtnl::open(ns)?.links()?.into_iter().find(|link| link.name == name).map(|link| link.index))
    }

    /// The interfaces that these steps hang filters on, and that have no clsact qdisc yet.
    pub(super) fn without_clsact(&mut self, steps: &[Step]) -> Result<Vec<(u64, u32)>> {
        let tcx = self.capabilities.tcx;
        let places: BTreeSet<(u64, u32)> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Redirect { netns, index, .. } => Some((*netns, *index)),
                Step::Egress { netns, index, .. } | Step::Ingress { netns, index, .. } if !tcx => {
                    Some((*netns, *index))
                }
                _ => None,
            })
            .collect();
        let mut lacking = Vec::new();
        for (netns, index) in places {
            if !Rtnl::open(&self.namespace(netns)?)?.has_clsact(index)? {
                lacking.push((netns, index));
            }
        }
        Ok(lacking)
    }

    /// Makes sure of a clsact qdisc and remembers if it is ours.
    ///
    /// It stays until [`Kernel::release`]: for every clsact that comes or goes the kernel stops the device's
    /// queues for a moment (`dev_deactivate` in qdisc_graft, net/sched/sch_api.c), and packets of everybody on
    /// that interface are lost in it.
    fn need_clsact(&mut self, rtnl: &mut Rtnl, netns: u64, index: u32) -> Result<()> {
        if rtnl.ensure_clsact(index)? {
            self.clsact.push((netns, index));
        }
        Ok(())
    }

    pub(super) fn apply_hook(&mut self, netns: u64, index: u32, link: &str, side: Side) -> Result<()> {
        let ns = self.namespace(netns)?;
        let tcx = self.capabilities.tcx;
        let main = Main::of(side);
        self.object.load_program(main.program)?;
        for (index, name) in WORKERS {
            self.object.load_program(name)?;
            self.object.set_behind_stub(index, name)?;
        }
        let mut hooks = std::mem::take(&mut self.hooks);
        let result = hooks.take((netns, index, side), || {
            if tcx {
                let program = self.object.classifier(main.program)?;
                let options = TcAttachOptions::TcxOrder(LinkOrder::first());
                let id = ns.run(|| Ok(program.attach_with_options(link, main.tcx, options)?))?;
                return Ok(HookLink::Tcx(program.take_link(id)?));
            }
            self.object.set_behind_stub(main.behind, main.program)?;
            self.object.load_program(main.stub)?;
            let mut rtnl = Rtnl::open(&ns)?;
            self.need_clsact(&mut rtnl, netns, index)?;
            let filter =
                Filter { side, prio: MAIN_PRIO, what: &side.to_string(), action: FilterAction::Direct };
            self.add_filter(&mut rtnl, index, main.stub, &filter)?;
            Ok(HookLink::Clsact)
        });
        self.hooks = hooks;
        result
    }

    pub(super) fn undo_hook(&mut self, netns: u64, index: u32, side: Side) -> Result<()> {
        match self.hooks.give(&(netns, index, side)) {
            Some(HookLink::Clsact) => self.undo_filter(netns, index, side, MAIN_PRIO),
            Some(HookLink::Tcx(_)) | None => Ok(()),
        }
    }

    fn add_filter(&mut self, rtnl: &mut Rtnl, index: u32, program: &str, filter: &Filter<'_>) -> Result<()> {
        let fd = self.object.classifier(program)?.fd()?.try_clone()?;
        let name = net::tag(&self.instance, filter.what);
        let Filter { side, prio, action, .. } = *filter;
        let prog_fd = fd.as_fd().as_raw_fd();
        rtnl.add_bpf_filter(index, &BpfFilter { side, prio, handle: 1, prog_fd, name: &name, action })
    }

    pub(super) fn apply_redirect(&mut self, netns: u64, index: u32, slot: u32, side: Side) -> Result<()> {
        let ns = self.namespace(netns)?;
        let device = self
            .device_index(&ns, slot, side)?
            .with_context(|| format!("our device {} is gone", self.device(slot, side)))?;
        let selector = match side {
            Side::Egress => names::TO_DEVICE,
            Side::Ingress => names::IN_DEVICE,
        };
        let selector = format!("{selector}{slot}");
        self.object.load_program(&selector)?;
        let mut rtnl = Rtnl::open(&ns)?;
        self.need_clsact(&mut rtnl, netns, index)?;
        let filter = Filter {
            side,
            prio: DEVICE_PRIO + slot as u16,
            what: &format!("device{slot}"),
            action: FilterAction::RedirectTo(device),
        };
        self.add_filter(&mut rtnl, index, &selector, &filter)
    }

    pub(super) fn apply_device(&mut self, netns: u64, slot: u32, side: Side, shape: &Shape) -> Result<()> {
        let ns = self.namespace(netns)?;
        let mut rtnl = Rtnl::open(&ns)?;
        let tag = net::tag(&self.instance, &format!("device{slot}"));
        let index = rtnl.add_ifb(&self.device(slot, side), &tag)?;
        if let Err(error) = rtnl.set_shape(index, shape) {
            rtnl.del_link(index)?;
            return Err(error);
        }
        Ok(())
    }

    pub(super) fn undo_device(&mut self, netns: u64, slot: u32, side: Side) -> Result<()> {
        let Ok(ns) = self.namespace(netns) else { return Ok(()) };
        match self.device_index(&ns, slot, side)? {
            Some(index) => gone_is_fine(Rtnl::open(&ns)?.del_link(index)),
            None => Ok(()),
        }
    }

    pub(super) fn undo_filter(&mut self, netns: u64, index: u32, side: Side, prio: u16) -> Result<()> {
        let Ok(ns) = self.namespace(netns) else { return Ok(()) };
        let mut rtnl = Rtnl::open(&ns)?;
        gone_is_fine(rtnl.del_filter(index, side, prio, 1))
    }
}

/// The interface or the namespace has vanished: what hung on it has, too.
pub(super) fn gone_is_fine(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if matches!(errno_of(&error), Some(libc::ENODEV | libc::ENOENT | libc::EINVAL)) => Ok(()),
        other => other,
    }
}
