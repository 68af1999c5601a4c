//! The real kernel.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use aya::{
    maps::MapError,
    programs::{
        CgroupSkbAttachType, KProbe, LinkOrder, Lsm, TcAttachType,
        kprobe::KProbeLink,
        lsm::LsmLink,
        tc::{SchedClassifierLink, TcAttachOptions},
    },
};
use injector_ebpf::{
    flow::{Aggregate, End},
    gate::{BEAT_DEADLINE, BEAT_RENEW, BEAT_START},
    names,
    rule::{CgroupEntry, Rule, RuleStats},
};

use super::{
    Held, Kernel,
    attach::Shared,
    cgroups::CgroupLinks,
    cost::Cost,
    drift,
    iter::FlowReader,
    meters,
    net::{self, BpfFilter, FilterAction, Netem, Netns, Proto, Rtnl, Side, SockInfo, all_netns, errno_of},
    object::Object,
};
use crate::{
    limits::{Budget, Protection},
    observe::Snapshot,
    plan::{self, Capabilities, Rung, Site, Step},
};

/// Most flows that are observed one by one; the rest is counted as refused. 4,096 x 1 KiB of kernel memory.
pub const MOST_FLOWS: u64 = 4096;

/// Room in a delay device, in packets. netem's own default of 1,000 loses packets above 12,000 a second at
/// 80 ms. What a packet pins is charged to its socket all the same, so the room is bounded by the sockets'
/// send buffers as well.
pub const DELAY_PACKETS: u32 = 4096;

/// Filters and priorities: ours come late, after everything of the host's own.
pub(super) const DROP_PRIO: u16 = 49_000;
pub(super) const DELAY_PRIO: u16 = 49_001;

/// How the loss program hangs on an interface.
#[derive(Debug)]
enum EgressLink {
    /// Goes with its descriptor.
    Tcx(#[expect(dead_code, reason = "held for its descriptor")] SchedClassifierLink),
    /// A filter; the flag says whether the clsact qdisc is ours.
    Clsact,
}

#[derive(Debug)]
enum OpenLinks {
    Lsm(#[expect(dead_code, reason = "held for its descriptor")] LsmLink),
    Kprobe(#[expect(dead_code, reason = "held for its descriptor")] Vec<KProbeLink>),
}

/// Loads nothing that can do harm before a step asks for it.
pub struct Real {
    object: Object,
    instance: String,
    capabilities: Capabilities,
    cgroup_root: PathBuf,
    netns: BTreeMap<u64, Netns>,
    egress: Shared<(u64, u32), EgressLink>,
    open: Shared<u8, OpenLinks>,
    ingress_wanted: Vec<String>,
    ingress: CgroupLinks,
    observe_tx: CgroupLinks,
    observe_rx: CgroupLinks,
    reader: Option<FlowReader>,
    cost: Cost,
    /// (namespace, interface) whose clsact qdisc we made.
    clsact: Vec<(u64, u32)>,
}

impl Real {
    /// Creates the maps, halted; starts observing the control group.
    ///
    /// # Errors
    /// The kernel refuses the maps or the observing programs.
    pub fn new(instance: u32, capabilities: Capabilities, cgroup_root: PathBuf) -> Result<Self> {
        let mut object = Object::load(instance)?;
        for name in [names::TCP_PROBE, names::TCP_RETRANSMIT, names::TCP_STATE] {
            object.load_program(name)?;
            let program: &mut aya::programs::BtfTracePoint = object.program(name)?.0.try_into()?;
            program.attach().with_context(|| format!("attaching {name}"))?;
        }
        object.array::<u64>(names::FLOW_LIMIT)?.set(0, MOST_FLOWS, 0)?;
        Ok(Self {
            object,
            instance: format!("{instance:08x}"),
            capabilities,
            cgroup_root,
            netns: BTreeMap::new(),
            egress: Shared::default(),
            open: Shared::default(),
            ingress_wanted: Vec::new(),
            ingress: CgroupLinks::new(names::INGRESS_DROP, CgroupSkbAttachType::Ingress),
            observe_tx: CgroupLinks::new(names::OBSERVE_TX, CgroupSkbAttachType::Egress),
            observe_rx: CgroupLinks::new(names::OBSERVE_RX, CgroupSkbAttachType::Ingress),
            reader: None,
            cost: Cost::default(),
            clsact: Vec::new(),
        })
    }

    fn namespace(&self, inode: u64) -> Result<Netns> {
        self.netns.get(&inode).cloned().with_context(|| format!("network namespace {inode} is not open"))
    }

    fn device(&self, slot: u32) -> String {
        net::device_name(&self.instance, u16::try_from(slot).unwrap_or(u16::MAX))
    }

    fn device_index(&self, ns: &Netns, slot: u32) -> Result<Option<u32>> {
        let name = self.device(slot);
        Ok(Rtnl::open(ns)?.links()?.into_iter().find(|link| link.name == name).map(|link| link.index))
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

    fn apply_drop_egress(&mut self, netns: u64, index: u32, link: &str) -> Result<()> {
        let ns = self.namespace(netns)?;
        let tcx = self.capabilities.tcx;
        self.object.load_program(names::EGRESS_DROP)?;
        let mut egress = std::mem::take(&mut self.egress);
        let result = egress.take((netns, index), || {
            if tcx {
                let program = self.object.classifier(names::EGRESS_DROP)?;
                let options = TcAttachOptions::TcxOrder(LinkOrder::first());
                let id =
                    ns.run(|| Ok(program.attach_with_options(link, TcAttachType::Egress, options)?))?;
                Ok(EgressLink::Tcx(program.take_link(id)?))
            } else {
                self.object.set_behind_stub(names::PROG_DROP, names::EGRESS_DROP)?;
                self.object.load_program(names::EGRESS_DROP_STUB)?;
                let mut rtnl = Rtnl::open(&ns)?;
                self.need_clsact(&mut rtnl, netns, index)?;
                self.add_filter(
                    &mut rtnl,
                    index,
                    names::EGRESS_DROP_STUB,
                    DROP_PRIO,
                    1,
                    "drop",
                    FilterAction::Direct,
                )?;
                Ok(EgressLink::Clsact)
            }
        });
        self.egress = egress;
        result
    }

    #[expect(clippy::too_many_arguments, reason = "they are the filter's own")]
    fn add_filter(
        &mut self,
        rtnl: &mut Rtnl,
        index: u32,
        program: &str,
        prio: u16,
        handle: u32,
        what: &str,
        action: FilterAction,
    ) -> Result<()> {
        use std::os::fd::{AsFd as _, AsRawFd as _};
        let fd = self.object.classifier(program)?.fd()?.try_clone()?;
        let name = net::tag(&self.instance, what);
        rtnl.add_bpf_filter(
            index,
            &BpfFilter {
                side: Side::Egress,
                prio,
                handle,
                prog_fd: fd.as_fd().as_raw_fd(),
                name: &name,
                action,
            },
        )
    }

    fn apply_delay_filter(&mut self, netns: u64, index: u32, slot: u32) -> Result<()> {
        let ns = self.namespace(netns)?;
        let device = self
            .device_index(&ns, slot)?
            .with_context(|| format!("our delay device {} is gone", self.device(slot)))?;
        self.object.load_program(names::DELAY)?;
        self.object.set_behind_stub(names::PROG_DELAY, names::DELAY)?;
        let stub = format!("{}{slot}", names::DELAY_STUB);
        self.object.load_program(&stub)?;
        let mut rtnl = Rtnl::open(&ns)?;
        self.need_clsact(&mut rtnl, netns, index)?;
        let action = FilterAction::RedirectTo(device);
        let what = format!("delay{slot}");
        let prio = DELAY_PRIO + slot as u16;
        self.add_filter(&mut rtnl, index, &stub, prio, 1, &what, action)
    }

    fn apply_delay_device(
        &mut self,
        netns: u64,
        slot: u32,
        latency: Duration,
        jitter: Duration,
    ) -> Result<()> {
        let ns = self.namespace(netns)?;
        let mut rtnl = Rtnl::open(&ns)?;
        let tag = net::tag(&self.instance, &format!("delay{slot}"));
        let index = rtnl.add_ifb(&self.device(slot), &tag)?;
        let netem = Netem { latency, jitter, limit_packets: DELAY_PACKETS };
        if let Err(error) = rtnl.set_netem(index, &netem) {
            rtnl.del_link(index)?;
            return Err(error);
        }
        Ok(())
    }

    fn apply_open(&mut self, rung: Rung) -> Result<()> {
        let mut open = std::mem::take(&mut self.open);
        let result = open.take(rung as u8, || match rung {
            Rung::Lsm => {
                self.object.load_program(names::OPEN_LSM)?;
                let program: &mut Lsm = self.object.program(names::OPEN_LSM)?.0.try_into()?;
                let id = program.attach()?;
                Ok(OpenLinks::Lsm(program.take_link(id)?))
            }
            Rung::Kprobe => {
                self.object.load_program(names::OPEN_KPROBE)?;
                let program: &mut KProbe = self.object.program(names::OPEN_KPROBE)?.0.try_into()?;
                let mut links = Vec::new();
                for function in super::probe::OPEN_FUNCTIONS {
                    let id = program.attach(function, 0).with_context(|| format!("kprobe on {function}"))?;
                    links.push(program.take_link(id)?);
                }
                Ok(OpenLinks::Kprobe(links))
            }
        });
        self.open = open;
        result
    }

    fn undo_filter(&mut self, netns: u64, index: u32, prio: u16) -> Result<()> {
        let Ok(ns) = self.namespace(netns) else { return Ok(()) };
        let mut rtnl = Rtnl::open(&ns)?;
        gone_is_fine(rtnl.del_filter(index, Side::Egress, prio, 1))
    }
}

/// The interface or the namespace has vanished: what hung on it has, too.
fn gone_is_fine(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if matches!(errno_of(&error), Some(libc::ENODEV | libc::ENOENT | libc::EINVAL)) => Ok(()),
        other => other,
    }
}

/// Waits until every program that was running has ended: afterwards no counter of a freed rule moves.
/// `MEMBARRIER_CMD_GLOBAL` is `synchronize_rcu` (kernel/sched/membarrier.c); programs run under RCU.
fn settle() -> Result<()> {
    const MEMBARRIER_CMD_GLOBAL: libc::c_long = 1;
    // SAFETY: no pointers are passed.
    let ret = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if ret == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()).context("membarrier") }
}

impl Kernel for Real {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn prepare(&mut self, harm: bool) -> Result<()> {
        if harm {
            let able = [
                (names::EGRESS_DROP, self.capabilities.drop.is_ok()),
                (names::INGRESS_DROP, self.capabilities.drop.is_ok()),
                (names::DELAY, self.capabilities.delay.is_ok()),
            ];
            return able
                .iter()
                .filter(|(_, able)| *able)
                .try_for_each(|(name, _)| self.object.load_program(name));
        }
        self.object.clear_behind_stub(names::PROG_DROP)?;
        self.object.clear_behind_stub(names::PROG_DELAY)?;
        [names::EGRESS_DROP, names::INGRESS_DROP, names::DELAY, names::OPEN_LSM, names::OPEN_KPROBE]
            .iter()
            .try_for_each(|name| self.object.unload_program(name))
    }

    fn sites(&mut self, pids: &[u32]) -> Result<Vec<Site>> {
        let mut sites = BTreeMap::new();
        for pid in pids {
            // A process may end while we look.
            if let Ok(ns) = Netns::of_pid(*pid) {
                sites.entry(ns.inode()).or_insert(ns);
            }
        }
        if sites.is_empty() {
            let own = Netns::current()?;
            sites.insert(own.inode(), own);
        }
        let mut found = Vec::new();
        for (inode, ns) in sites {
            let links = Rtnl::open(&ns)?.links()?;
            let links = links
                .into_iter()
                .filter(|link| link.up && net::instance_of_device(&link.name).is_none())
                .map(|link| (link.index, link.name))
                .collect();
            self.netns.insert(inode, ns);
            found.push(Site { netns: inode, links });
        }
        Ok(found)
    }

    fn apply(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::DropEgress { netns, index, link } => self.apply_drop_egress(*netns, *index, link),
            Step::DropIngress { cgroup } => {
                self.ingress_wanted.push(cgroup.clone());
                let result = self.ingress.follow(&mut self.object, &self.cgroup_root, &self.ingress_wanted);
                if result.is_err() {
                    self.ingress_wanted.pop();
                }
                result
            }
            Step::DelayDevice { netns, slot, latency, jitter } => {
                self.apply_delay_device(*netns, *slot, *latency, *jitter)
            }
            Step::DelayFilter { netns, index, slot, .. } => self.apply_delay_filter(*netns, *index, *slot),
            Step::Open { rung } => self.apply_open(*rung),
        }
    }

    fn undo(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::DropEgress { netns, index, .. } => match self.egress.give(&(*netns, *index)) {
                Some(EgressLink::Clsact) => self.undo_filter(*netns, *index, DROP_PRIO),
                Some(EgressLink::Tcx(_)) | None => Ok(()),
            },
            Step::DropIngress { cgroup } => {
                if let Some(at) = self.ingress_wanted.iter().position(|path| path == cgroup) {
                    self.ingress_wanted.remove(at);
                }
                self.ingress.follow(&mut self.object, &self.cgroup_root, &self.ingress_wanted)
            }
            Step::DelayDevice { netns, slot, .. } => {
                let Ok(ns) = self.namespace(*netns) else { return Ok(()) };
                match self.device_index(&ns, *slot)? {
                    Some(index) => gone_is_fine(Rtnl::open(&ns)?.del_link(index)),
                    None => Ok(()),
                }
            }
            Step::DelayFilter { netns, index, slot, .. } => {
                self.undo_filter(*netns, *index, DELAY_PRIO + *slot as u16)
            }
            Step::Open { rung } => {
                drop(self.open.give(&(*rung as u8)));
                Ok(())
            }
        }
    }

    fn held(&mut self, step: &Step) -> Result<Held> {
        let Step::DelayDevice { netns, slot, .. } = step else { bail!("{step:?} holds no packets") };
        let Ok(ns) = self.namespace(*netns) else { return Ok(Held::default()) };
        let Some(index) = self.device_index(&ns, *slot)? else { return Ok(Held::default()) };
        let mut held = Held::default();
        for qdisc in Rtnl::open(&ns)?.qdisc_stats(index)? {
            if qdisc.is_root() {
                held.packets += u64::from(qdisc.qlen);
                held.tail_drops += u64::from(qdisc.drops);
            }
        }
        Ok(held)
    }

    fn set_rule(&mut self, slot: u32, rule: &Rule) -> Result<()> {
        self.object.array::<RuleStats>(names::STATS)?.set(slot, RuleStats::ZERO, 0)?;
        // Aggregates are only ever compared with their own earlier values.
        Ok(self.object.array::<Rule>(names::RULES)?.set(slot, *rule, 0)?)
    }

    fn change_rule(&mut self, slot: u32, rule: &Rule) -> Result<()> {
        Ok(self.object.array::<Rule>(names::RULES)?.set(slot, *rule, 0)?)
    }

    fn set_budget(&mut self, slot: u32, budget: &Budget) -> Result<()> {
        meters::set_rule(&mut self.object, slot, budget)
    }

    fn set_node_budget(&mut self, budget: &Budget) -> Result<()> {
        meters::set_node(&mut self.object, budget)
    }

    fn node_refusals(&mut self) -> Result<u64> {
        meters::node_refusals(&mut self.object)
    }

    fn free_rule(&mut self, slot: u32) -> Result<()> {
        self.object.array::<Rule>(names::RULES)?.set(slot, Rule::FREE, 0)?;
        settle()
    }

    fn set_cgroups(&mut self, entries: &BTreeMap<u64, CgroupEntry>) -> Result<()> {
        let mut map = self.object.hash::<u64, CgroupEntry>(names::CGROUPS)?;
        let stale: Vec<u64> = map.keys().flatten().filter(|id| !entries.contains_key(id)).collect();
        for id in stale {
            match map.remove(&id) {
                Ok(()) | Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (id, entry) in entries {
            map.insert(id, entry, 0).with_context(|| format!("cgroup {id} ({} are known)", entries.len()))?;
        }
        Ok(())
    }

    fn observe(&mut self, roots: &[String]) -> Result<()> {
        self.observe_tx.follow(&mut self.object, &self.cgroup_root, roots)?;
        self.observe_rx.follow(&mut self.object, &self.cgroup_root, roots)
    }

    fn protect(&mut self, protection: &Protection) -> Result<()> {
        let mut words = vec![0_u64; 1024];
        for port in protection.ports.keys() {
            words[usize::from(*port) / 64] |= 1 << (port % 64);
        }
        let mut ports = self.object.array::<u64>(names::PORTS)?;
        for (index, word) in words.iter().enumerate() {
            if ports.get(&(index as u32), 0)? != *word {
                ports.set(index as u32, word, 0)?;
            }
        }
        // Protections are widened only: an address that was protected stays so while the daemon lives.
        for address in protection.addresses.keys() {
            let (address, prefix) = plan::words(address);
            self.object.protect_address(address, prefix)?;
        }
        let mut tasks = self.object.hash::<u32, u8>(names::TASKS)?;
        let stale: Vec<u32> =
            tasks.keys().flatten().filter(|id| !protection.tgids.contains_key(id)).collect();
        for id in stale {
            let _gone = tasks.remove(&id);
        }
        for tgid in protection.tgids.keys() {
            tasks.insert(tgid, 1, 0)?;
        }
        // Widened only, as addresses are.
        let mut users = self.object.hash::<u32, u8>(names::USERS)?;
        for uid in protection.users.keys() {
            users.insert(uid, 1, 0)?;
        }
        Ok(())
    }

    fn lease(&mut self, span: Duration) -> Result<()> {
        self.object.beat(BEAT_START, 0, span).map(|_| ())
    }

    fn renew(&mut self, span: Duration) -> Result<bool> {
        self.object.beat(BEAT_RENEW, 0, span)
    }

    fn deadline(&mut self, slot: u32, span: Duration) -> Result<u64> {
        self.object.beat(BEAT_DEADLINE, slot, span)?;
        let until = self.object.array::<u64>(names::DEADLINES)?.get(&slot, 0)?;
        Ok(until.saturating_sub(self.object.ticks(span)))
    }

    fn span(&self, ticks: u64) -> Duration {
        self.object.span(ticks)
    }

    fn stats(&mut self, slot: u32) -> Result<RuleStats> {
        Ok(self.object.array::<RuleStats>(names::STATS)?.get(&slot, 0)?)
    }

    fn aggregate(&mut self, index: u32) -> Result<Aggregate> {
        crate::observe::read_aggregate(&mut self.object, index)
    }

    fn cgroup_aggregates(&mut self, exists: &dyn Fn(u64) -> bool) -> Result<BTreeMap<u64, Aggregate>> {
        crate::observe::read_cgroups(&mut self.object, exists)
    }

    fn forget_ends(&mut self) -> Result<()> {
        let mut ends = self.object.hash::<End, u8>(names::ENDS)?;
        let all: Vec<End> = ends.keys().flatten().collect();
        for end in all {
            let _gone = ends.remove(&end);
        }
        Ok(())
    }

    fn missing(&mut self, steps: &[Step]) -> Result<Vec<String>> {
        drift::Look {
            object: &mut self.object,
            instance: &self.instance,
            tcx: self.capabilities.tcx,
            cgroup_root: &self.cgroup_root,
            netns: &self.netns,
            ingress: self.ingress.paths().cloned().collect(),
        }
        .missing(steps)
    }

    fn cost(&mut self, measure: bool) -> Result<(u64, u64)> {
        self.cost.look(&mut self.object, measure)
    }

    fn snapshot(&mut self, pids: &[u32]) -> Result<Snapshot> {
        let mut listeners = Vec::new();
        for site in self.sites(pids)? {
            listeners.extend(net::listeners(&self.namespace(site.netns)?)?);
        }
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => FlowReader::new(&mut self.object)?,
        };
        let snapshot = Snapshot::take(&mut self.object, &reader, listeners);
        self.reader = Some(reader);
        let snapshot = snapshot?;
        // The kernel counts what it makes; the bound is on what lives.
        let room = MOST_FLOWS.saturating_sub(snapshot.flows.len() as u64);
        self.object.array::<u64>(names::FLOW_LIMIT)?.set(0, snapshot.stats.created + room, 0)?;
        Ok(snapshot)
    }

    fn sockets(&mut self, pids: &[u32]) -> Result<Vec<SockInfo>> {
        let mut sockets = Vec::new();
        for site in self.sites(pids)? {
            let ns = self.namespace(site.netns)?;
            for proto in [Proto::Tcp, Proto::Udp] {
                // A kernel without udp_diag still tells of TCP.
                sockets.extend(net::sockets(&ns, proto).unwrap_or_default());
            }
        }
        Ok(sockets)
    }

    fn clsact(&self) -> Vec<(u64, u32)> {
        self.clsact.clone()
    }

    fn flush_log(&mut self) {
        self.object.flush_log();
    }

    fn release(&mut self) {
        for (netns, index) in std::mem::take(&mut self.clsact) {
            // Gone, or somebody else's filters are on it: both are fine.
            if let Ok(ns) = self.namespace(netns)
                && let Ok(mut rtnl) = Rtnl::open(&ns)
            {
                let _in_use = rtnl.del_clsact_if_empty(index);
            }
        }
    }

    fn set_halt(&mut self, halted: bool) -> Result<()> {
        self.object.set_halt(u64::from(halted))?;
        if halted { settle() } else { Ok(()) }
    }

    fn halted(&mut self) -> Result<bool> {
        Ok(self.object.halt_word()? != 0)
    }

    fn inventory(&mut self) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for (netns, index) in self.egress.keys() {
            found.push(format!("egress link on interface {index} of netns {netns}"));
        }
        found.extend(self.ingress.paths().map(|path| format!("ingress link on {path}")));
        found.extend(self.open.keys().map(|rung| format!("open program, rung {rung}")));
        for ns in all_netns() {
            for left in net::inventory(&ns)? {
                if left.instance == self.instance {
                    found.push(format!("{} on {} in netns {}", left.tag, left.link, left.netns));
                }
            }
        }
        Ok(found)
    }
}
