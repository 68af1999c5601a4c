//! The real kernel.

mod calls;
mod cgroup_calls;
mod kinds;
mod lags;
mod look;
mod observed;
mod ports;
mod rules;
mod spared;
mod steps;
mod watched;
mod who;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use aya::programs::{CgroupSkbAttachType, tc::SchedClassifierLink, tp_btf::BtfTracePointLink};
use injector_ebpf::{
    flow::{End, FlowStats},
    gate::{BEAT_DEADLINE, BEAT_RENEW, BEAT_START},
    names,
    reaction::Reaction,
    rtt::Aggregate,
    rule::{CgroupEntry, Delays, GateStats, RULE_SHADOW, Rule, RuleStats},
};

use kinds::Kinds;
use lags::Lags;

use super::{
    Held, Kernel, Ring,
    attach::Shared,
    cgroups::{CgroupLinks, Wanted},
    cost::Cost,
    drift,
    iter::FlowReader,
    meters,
    net::{Netns, Rewritten, Rtnl, SockInfo},
    object::Object,
    own::{Counting, Own},
    slots::Slots,
};
use crate::{
    limits::{Budget, Protection},
    observe::{RawLags, Snapshot},
    plan::{Addresses, Capabilities, Side, Site, Step},
};
use calls::Calls;
use cgroup_calls::CgroupCalls;
use rules::Rules;
use spared::Spared;
use steps::WORKERS;

pub(super) use cgroup_calls::programs as cgroup_programs;
pub use ports::blocks as port_blocks;
pub(super) use steps::device_name;

/// Most flows that are open at once, unless [`Real::set_most_flows`] says otherwise.
pub const MOST_FLOWS: u64 = 262_144;

/// Namespaces that are held open, whether or not anybody is in them: so many do no harm.
const FEW_NETNS: usize = 32;

/// Filters and priorities: ours come late, after everything of the host's own.
pub(super) const MAIN_PRIO: u16 = 49_000;
pub(super) const DEVICE_PRIO: u16 = 49_001;

/// How a main program hangs on an interface.
#[derive(Debug)]
enum HookLink {
    /// Goes with its descriptor.
    Tcx(#[expect(dead_code, reason = "held for its descriptor")] SchedClassifierLink),
    /// A filter on clsact.
    Clsact,
}

/// Loads nothing that can do harm before a step asks for it.
pub struct Real {
    object: Object,
    instance: String,
    capabilities: Capabilities,
    cgroup_root: PathBuf,
    netns: BTreeMap<u64, Netns>,
    /// With more namespaces, those that nobody is in are let go.
    most_netns: usize,
    spared: Spared,
    hooks: Shared<(u64, u32, Side), HookLink>,
    calls: Calls,
    cgroup_calls: CgroupCalls,
    /// How many rules were set so far.
    armed: u64,
    lose_in: Wanted,
    lose_out: Wanted,
    rules: Rules,
    observe_tx: CgroupLinks,
    observe_rx: CgroupLinks,
    released: CgroupLinks,
    /// Tracepoints of TCP: go with their descriptors.
    probes: Vec<BtfTracePointLink>,
    /// At interfaces of our namespace: what no flow counts.
    rest: BTreeMap<String, [SchedClassifierLink; 2]>,
    all: bool,
    /// Most flows that are open at once; what is beyond is counted as refused.
    most_flows: u64,
    /// What was said of cgroups, and how often it has changed.
    said: (BTreeMap<u64, CgroupEntry>, u64),
    reader: Option<FlowReader>,
    slots: Slots,
    kinds: Kinds,
    lags: Lags,
    cost: Cost,
    counting: Option<Counting>,
    /// (namespace, interface) whose clsact qdisc we made.
    clsact: Vec<(u64, u32)>,
}

impl Real {
    /// By the maps and programs of `object`, which is this instance's, and halted.
    ///
    /// # Errors
    /// The kernel refuses a write to the maps.
    pub fn new(
        mut object: Object,
        instance: u32,
        capabilities: Capabilities,
        cgroup_root: PathBuf,
    ) -> Result<Self> {
        object.array::<u64>(names::FLOW_LIMIT)?.set(0, MOST_FLOWS, 0)?;
        object.array::<u64>(names::GENERATION)?.set(0, 1, 0)?;
        Ok(Self {
            object,
            instance: format!("{instance:08x}"),
            capabilities,
            cgroup_root,
            netns: BTreeMap::new(),
            most_netns: FEW_NETNS,
            spared: Spared::default(),
            hooks: Shared::default(),
            calls: Calls::default(),
            cgroup_calls: CgroupCalls::default(),
            armed: 0,
            lose_in: Wanted::new(names::INGRESS_DROP, CgroupSkbAttachType::Ingress),
            lose_out: Wanted::new(names::EGRESS_DROP, CgroupSkbAttachType::Egress),
            rules: Rules::default(),
            observe_tx: CgroupLinks::new(names::OBSERVE_TX, CgroupSkbAttachType::Egress),
            observe_rx: CgroupLinks::new(names::OBSERVE_RX, CgroupSkbAttachType::Ingress),
            released: CgroupLinks::new(names::RELEASED, CgroupSkbAttachType::Egress),
            probes: Vec::new(),
            rest: BTreeMap::new(),
            all: false,
            most_flows: MOST_FLOWS,
            said: (BTreeMap::new(), 1),
            reader: None,
            slots: Slots::default(),
            kinds: Kinds::default(),
            lags: Lags::default(),
            cost: Cost::default(),
            counting: None,
            clsact: Vec::new(),
        })
    }

    /// Most flows that are open at once.
    ///
    /// # Errors
    /// The kernel refused the write.
    pub fn set_most_flows(&mut self, most: u64) -> Result<()> {
        self.most_flows = most;
        Ok(self.object.array::<u64>(names::FLOW_LIMIT)?.set(0, most, 0)?)
    }

    /// Also observes, or does not, how long tasks wait for a CPU.
    pub fn with_run_queue(self, run_queue: bool) -> Self {
        Self { lags: Lags::new(run_queue), ..self }
    }

    /// What the programs tell of failed calls, for its only reader.
    ///
    /// # Errors
    /// No descriptor or memory is left.
    pub fn events(&mut self) -> Result<Ring> {
        Ring::new(&mut self.object)
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
        let mains = [names::EGRESS, names::INGRESS, names::INGRESS_DROP, names::EGRESS_DROP];
        if harm {
            if self.capabilities.drop.is_err() {
                return Ok(());
            }
            return mains.iter().try_for_each(|name| self.object.load_program(name));
        }
        let workers = WORKERS.map(|(_, name)| name);
        for index in
            WORKERS.map(|(index, _)| index).into_iter().chain([names::PROG_EGRESS, names::PROG_INGRESS])
        {
            self.object.clear_behind_stub(index)?;
        }
        mains
            .iter()
            .chain(&workers)
            .chain(&[names::OPEN_LSM, names::CALL_KPROBE])
            .chain(names::CONNECT.iter().chain(&names::BIND).chain(&names::SENDMSG).chain([&names::SOCKET]))
            .try_for_each(|name| self.object.unload_program(name))
    }

    fn sites(&mut self, pids: &[u32]) -> Result<Vec<Site>> {
        self.sites_of(pids)
    }

    fn foreign(&mut self, netns: u64, index: u32, side: Side) -> Result<Vec<String>> {
        Rtnl::open(&self.namespace(netns)?)?.foreign(index, side)
    }

    fn apply(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Egress { netns, index, link } => self.apply_hook(*netns, *index, link, Side::Egress),
            Step::Ingress { netns, index, link } => self.apply_hook(*netns, *index, link, Side::Ingress),
            Step::CgroupIngress { cgroup } => self.lose_in.add(&mut self.object, &self.cgroup_root, cgroup),
            Step::CgroupEgress { cgroup } => self.lose_out.add(&mut self.object, &self.cgroup_root, cgroup),
            Step::Device { netns, slot, side, shape } => self.apply_device(*netns, *slot, *side, shape),
            Step::Redirect { netns, index, slot, side, .. } => {
                self.apply_redirect(*netns, *index, *slot, *side)
            }
            Step::Call { rung, call } => self.calls.attach(&mut self.object, *rung, call),
            Step::Compat { .. } | Step::Rings | Step::Closes => self.calls.watch(&mut self.object, step),
            Step::CgroupCall { call, cgroup } => {
                self.cgroup_calls.add(&mut self.object, &self.cgroup_root, call, cgroup)
            }
        }
    }

    fn undo(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Egress { netns, index, .. } => self.undo_hook(*netns, *index, Side::Egress),
            Step::Ingress { netns, index, .. } => self.undo_hook(*netns, *index, Side::Ingress),
            Step::CgroupIngress { cgroup } => {
                self.lose_in.remove(&mut self.object, &self.cgroup_root, cgroup)
            }
            Step::CgroupEgress { cgroup } => {
                self.lose_out.remove(&mut self.object, &self.cgroup_root, cgroup)
            }
            Step::Device { netns, slot, side, .. } => self.undo_device(*netns, *slot, *side),
            Step::Redirect { netns, index, slot, side, .. } => {
                self.undo_filter(*netns, *index, *side, DEVICE_PRIO + *slot as u16)
            }
            Step::Call { rung, call } => {
                self.calls.detach(*rung, call);
                Ok(())
            }
            Step::Compat { .. } | Step::Rings | Step::Closes => {
                self.calls.unwatch(&self.object, step);
                Ok(())
            }
            Step::CgroupCall { call, cgroup } => {
                self.cgroup_calls.remove(&mut self.object, &self.cgroup_root, call, cgroup)
            }
        }
    }

    fn held(&mut self, step: &Step) -> Result<Held> {
        self.held_by(step)
    }

    fn missed(&mut self, steps: &[Step]) -> Result<Option<u64>> {
        self.calls.missed(steps)
    }

    fn set_addresses(&mut self, slot: u32, addresses: &Addresses) -> Result<()> {
        self.rules.set_addresses(&mut self.object, slot, Some(addresses))
    }

    fn set_rule(&mut self, slot: u32, rule: &Rule) -> Result<()> {
        self.armed += 1;
        let reaction = Reaction { fault: self.armed, ..Reaction::ZERO };
        let stats = RuleStats { reaction, ..RuleStats::ZERO };
        self.object.array::<RuleStats>(names::STATS)?.set(slot, stats, 0)?;
        self.object.array::<Delays>(names::DELAYS)?.set(slot, Delays::ZERO, 0)?;
        self.object.array::<u64>(names::DRAWS)?.set(slot, 0, 0)?;
        // Aggregates are only ever compared with their own earlier values.
        self.rules.set(&mut self.object, slot, rule)
    }

    fn change_rule(&mut self, slot: u32, rule: &Rule) -> Result<()> {
        if self.rules.was_shadow(slot) && rule.flags & RULE_SHADOW == 0 {
            // What it has drawn as a shadow is over: the first three are the first three that it acts on.
            self.object.array::<u64>(names::DRAWS)?.set(slot, 0, 0)?;
        }
        self.rules.set(&mut self.object, slot, rule)
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
        self.free_rules(&[slot])
    }

    fn free_rules(&mut self, slots: &[u32]) -> Result<()> {
        let mut freed = Ok(());
        for slot in slots {
            let free = self.rules.set(&mut self.object, *slot, &Rule::FREE);
            let free = free.and_then(|()| self.rules.set_addresses(&mut self.object, *slot, None));
            freed = freed.and(free);
        }
        freed.and(settle())
    }

    fn set_cgroups(&mut self, entries: &BTreeMap<u64, CgroupEntry>) -> Result<()> {
        self.lags.make_places(&mut self.object, entries)?;
        self.mean(entries)?;
        self.lags.follow(&mut self.object, entries)
    }

    fn probe(&mut self, on: bool) -> Result<()> {
        observed::probe(self, on)
    }

    fn observe(&mut self, roots: &[String], all: bool) -> Result<()> {
        self.observe_all(all)?;
        self.observe_tx.follow(&mut self.object, &self.cgroup_root, roots)?;
        self.observe_rx.follow(&mut self.object, &self.cgroup_root, roots)?;
        self.released.follow(&mut self.object, &self.cgroup_root, roots)?;
        self.kinds.follow(&mut self.object, &self.cgroup_root, roots)
    }

    fn protect(&mut self, protection: &Protection) -> Result<()> {
        self.spare(protection)
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

    fn delays(&mut self, slot: u32) -> Result<Delays> {
        Ok(self.object.array::<Delays>(names::DELAYS)?.get(&slot, 0)?)
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
            lose_in: self.lose_in.paths().cloned().collect(),
            lose_out: self.lose_out.paths().cloned().collect(),
            calls: self.cgroup_calls.places().cloned().collect(),
        }
        .missing(steps)
    }

    fn cost(&mut self, measure: bool) -> Result<(u64, u64)> {
        self.cost.look(&mut self.object, measure)
    }

    fn losses(&mut self) -> Result<(FlowStats, GateStats)> {
        Ok((crate::observe::flow_stats(&mut self.object)?, crate::observe::gate(&mut self.object)?))
    }

    fn own(&mut self) -> Result<Own> {
        Own::look()
    }

    fn count_runs(&mut self, count: bool) -> Result<()> {
        self.counting = if count { Some(Counting::begin()?) } else { None };
        Ok(())
    }

    fn snapshot(&mut self, pids: &[u32]) -> Result<Snapshot> {
        self.snapshot_of(pids)
    }

    fn lags(&mut self) -> Result<RawLags> {
        self.lags.read(&mut self.object)
    }

    fn sockets(&mut self, pids: &[u32]) -> Result<Vec<SockInfo>> {
        self.sockets_of(pids)
    }

    fn rewritten(&mut self, pids: &[u32]) -> Result<Vec<Rewritten>> {
        self.rewritten_for(pids)
    }

    fn lacking_clsact(&mut self, steps: &[Step]) -> Result<Vec<(u64, u32)>> {
        self.without_clsact(steps)
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
        self.all_of_ours()
    }
}
