//! A kernel that only remembers what it was told. A green test against it proves the engine's logic, not that
//! the real kernel behaves like this: the native and VM tests are for that.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, bail};
use injector_ebpf::{
    flow::{DepKey, DepValue, Flow, FlowStats},
    hist::BUCKETS,
    rtt::Aggregate,
    rule::{CgroupEntry, Delays, GateStats, Rule, RuleStats},
};

use super::{
    Held, Kernel, Own,
    net::{Rewritten, SockInfo},
};
use crate::{
    limits::{Budget, Protection},
    observe::{RawKinds, RawLags, Snapshot},
    plan::{Addresses, Capabilities, Lags, Side, Site, Step, Watching},
};

/// What a test sees and sets.
#[derive(Debug)]
pub struct State {
    /// Every call that changes something, in order.
    pub calls: Vec<String>,
    /// Rules that are set.
    pub rules: BTreeMap<u32, Rule>,
    /// Whom they mean.
    pub addresses: BTreeMap<u32, Addresses>,
    /// What [`Kernel::delays`] answers.
    pub delays: Delays,
    /// The cgroups that were made known.
    pub cgroups: BTreeMap<u64, CgroupEntry>,
    /// The cgroups whose flows are observed.
    pub observed: Vec<String>,
    /// What a fault is judged by, and those cgroups, when the last lease began.
    pub leased: Option<(bool, Vec<String>)>,
    /// Whether those of all cgroups are.
    pub all_observed: bool,
    /// Whether round trips are.
    pub probed: bool,
    /// What [`Kernel::stats`] answers.
    pub stats: RuleStats,
    /// What [`Kernel::held`] answers.
    pub held: Held,
    /// What [`Kernel::missed`] answers.
    pub missed: Option<u64>,
    /// What [`Kernel::aggregate`] answers for the control group.
    pub control: Aggregate,
    /// What it answers for every rule's target.
    pub target: Aggregate,
    /// Renewing the lease fails from now on.
    pub lapsed: bool,
    /// The halt word.
    pub halted: bool,
    /// The step, counted from 0, at which [`Kernel::apply`] fails.
    pub fail_at: Option<usize>,
    /// What [`Kernel::set_budget`] was last told.
    pub budget: Budget,
    /// What [`Kernel::set_node_budget`] was last told.
    pub node_budget: Budget,
    /// What [`Kernel::node_refusals`] answers.
    pub node_refusals: u64,
    /// What [`Kernel::cgroup_aggregates`] answers.
    pub traffic: BTreeMap<u64, Aggregate>,
    /// What [`Kernel::snapshot`] answers: who is watched, open flows, and sums of ended ones.
    pub watched: Vec<u64>,
    /// See above.
    pub flows: Vec<Flow>,
    /// See above.
    pub deps: Vec<(DepKey, DepValue)>,
    /// See above.
    pub kinds: RawKinds,
    /// What [`Kernel::lags`] answers.
    pub lags: RawLags,
    /// What [`Kernel::own`] answers.
    pub own: Own,
    /// What is applied; a test may take something away.
    pub steps: Vec<Step>,
    /// Which calls fail, by name, until they are taken out: `change_rule`, `set_cgroups`, `cgroup_aggregates`, ...
    pub failing: BTreeSet<&'static str>,
    /// What [`Kernel::protect`] was last told.
    pub protection: Protection,
    /// What [`Kernel::sites`] answers.
    pub sites: Vec<Site>,
    /// What [`Kernel::foreign`] answers for every interface.
    pub foreign: Vec<String>,
    /// What [`Kernel::sockets`] answers.
    pub sockets: Vec<SockInfo>,
    /// What [`Kernel::rewritten`] answers.
    pub rewritten: Vec<Rewritten>,
    /// What [`Kernel::lacking_clsact`] answers.
    pub lacking_clsact: Vec<(u64, u32)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Fake {
    capabilities: Capabilities,
    state: Arc<Mutex<State>>,
}

impl Default for Fake {
    fn default() -> Self {
        let control = Aggregate { samples: 0, segments: 0, retransmits: 0, rtt: [0; BUCKETS] };
        Self {
            capabilities: Capabilities {
                tcx: true,
                drop: Ok(()),
                delay: Ok(()),
                rate: Ok(()),
                flow_rate: Ok(()),
                lsm: Ok(()),
                kprobe: Ok(()),
                modify_return: Ok(()),
                security: Ok(()),
                watching: Watching::none("not here"),
                sockets: Ok(()),
                cgroup: Ok(()),
                lags: Lags::none("not here"),
                missing_calls: BTreeSet::new(),
                missing_hooks: BTreeSet::new(),
                missing_security: BTreeSet::new(),
            },
            state: Arc::new(Mutex::new(State {
                calls: Vec::new(),
                rules: BTreeMap::new(),
                addresses: BTreeMap::new(),
                delays: Delays::ZERO,
                cgroups: BTreeMap::new(),
                observed: Vec::new(),
                leased: None,
                all_observed: false,
                probed: false,
                stats: RuleStats::ZERO,
                held: Held::default(),
                missed: None,
                control,
                target: control,
                lapsed: false,
                halted: true,
                fail_at: None,
                budget: Budget::default(),
                node_budget: Budget::default(),
                node_refusals: 0,
                traffic: BTreeMap::new(),
                watched: Vec::new(),
                flows: Vec::new(),
                lags: RawLags::default(),
                own: Own::default(),
                deps: Vec::new(),
                kinds: RawKinds::default(),
                steps: Vec::new(),
                failing: BTreeSet::new(),
                protection: Protection::default(),
                sites: vec![Site { netns: 1, links: vec![(1, "lo".into()), (2, "eth0".into())] }],
                foreign: Vec::new(),
                sockets: Vec::new(),
                rewritten: Vec::new(),
                lacking_clsact: Vec::new(),
            })),
        }
    }
}

impl Fake {
    /// Looks at, or changes, what it remembers.
    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a call, unless it is to fail.
    fn call(&self, name: &'static str, rest: &str) -> Result<()> {
        self.with(|state| {
            if state.failing.contains(name) {
                bail!("the fake kernel was told to refuse {name}");
            }
            state.calls.push(format!("{name} {rest}").trim_end().to_owned());
            Ok(())
        })
    }

    /// The same for a call that is not noted.
    fn may(&self, name: &'static str) -> Result<()> {
        if self.with(|state| state.failing.contains(name)) {
            bail!("the fake kernel was told to refuse {name}");
        }
        Ok(())
    }
}

impl Kernel for Fake {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn prepare(&mut self, harm: bool) -> Result<()> {
        self.call("prepare", &harm.to_string())?;
        Ok(())
    }

    fn sites(&mut self, _pids: &[u32]) -> Result<Vec<Site>> {
        self.may("sites")?;
        Ok(self.with(|state| state.sites.clone()))
    }

    fn foreign(&mut self, _netns: u64, _index: u32, _side: Side) -> Result<Vec<String>> {
        self.may("foreign")?;
        Ok(self.with(|state| state.foreign.clone()))
    }

    fn apply(&mut self, step: &Step) -> Result<()> {
        self.with(|state| {
            if state.fail_at == Some(state.steps.len()) {
                bail!("the fake kernel was told to refuse this");
            }
            state.steps.push(step.clone());
            state.calls.push(format!("apply {step:?}"));
            Ok(())
        })
    }

    fn undo(&mut self, step: &Step) -> Result<()> {
        self.with(|state| {
            // What two faults share is taken away by the last of them.
            if let Some(at) = state.steps.iter().position(|held| held == step) {
                state.steps.remove(at);
            }
            state.calls.push(format!("undo {step:?}"));
        });
        Ok(())
    }

    fn held(&mut self, _step: &Step) -> Result<Held> {
        Ok(self.with(|state| state.held))
    }

    fn missed(&mut self, _steps: &[Step]) -> Result<Option<u64>> {
        Ok(self.with(|state| state.missed))
    }

    fn set_addresses(&mut self, slot: u32, addresses: &Addresses) -> Result<()> {
        self.may("set_addresses")?;
        self.with(|state| state.addresses.insert(slot, addresses.clone()));
        Ok(())
    }

    fn delays(&mut self, _slot: u32) -> Result<Delays> {
        Ok(self.with(|state| state.delays))
    }

    fn set_rule(&mut self, slot: u32, rule: &Rule) -> Result<()> {
        self.call("set_rule", &slot.to_string())?;
        self.with(|state| state.rules.insert(slot, *rule));
        Ok(())
    }

    fn change_rule(&mut self, slot: u32, rule: &Rule) -> Result<()> {
        self.call("change_rule", &slot.to_string())?;
        self.with(|state| state.rules.insert(slot, *rule));
        Ok(())
    }

    fn set_budget(&mut self, slot: u32, budget: &Budget) -> Result<()> {
        self.call("set_budget", &slot.to_string())?;
        self.with(|state| state.budget = *budget);
        Ok(())
    }

    fn set_node_budget(&mut self, budget: &Budget) -> Result<()> {
        self.may("set_node_budget")?;
        self.with(|state| state.node_budget = *budget);
        Ok(())
    }

    fn node_refusals(&mut self) -> Result<u64> {
        Ok(self.with(|state| state.node_refusals))
    }

    fn free_rule(&mut self, slot: u32) -> Result<()> {
        self.call("free_rule", &slot.to_string())?;
        self.with(|state| state.rules.remove(&slot));
        Ok(())
    }

    fn set_cgroups(&mut self, entries: &BTreeMap<u64, CgroupEntry>) -> Result<()> {
        self.may("set_cgroups")?;
        self.with(|state| state.cgroups.clone_from(entries));
        Ok(())
    }

    fn observe(&mut self, roots: &[String], all: bool) -> Result<()> {
        self.with(|state| (state.observed, state.all_observed) = (roots.to_vec(), all));
        self.may("observe")
    }

    fn probe(&mut self, on: bool) -> Result<()> {
        self.with(|state| state.probed = on);
        Ok(())
    }

    fn protect(&mut self, protection: &Protection) -> Result<()> {
        self.with(|state| state.protection.clone_from(protection));
        Ok(())
    }

    fn lease(&mut self, _span: Duration) -> Result<()> {
        self.with(|state| state.leased = Some((state.probed, state.observed.clone())));
        self.call("lease", "")
    }

    fn renew(&mut self, _span: Duration) -> Result<bool> {
        Ok(!self.with(|state| state.lapsed))
    }

    fn deadline(&mut self, slot: u32, span: Duration) -> Result<u64> {
        self.call("deadline", &format!("{slot} {span:?}"))?;
        Ok(0)
    }

    fn span(&self, ticks: u64) -> Duration {
        Duration::from_millis(ticks)
    }

    fn stats(&mut self, _slot: u32) -> Result<RuleStats> {
        Ok(self.with(|state| state.stats))
    }

    fn aggregate(&mut self, index: u32) -> Result<Aggregate> {
        Ok(self.with(|state| if index == 0 { state.control } else { state.target }))
    }

    fn cgroup_aggregates(&mut self, exists: &dyn Fn(u64) -> bool) -> Result<BTreeMap<u64, Aggregate>> {
        self.may("cgroup_aggregates")?;
        Ok(self.with(|state| {
            state.traffic.retain(|id, _| exists(*id));
            state.traffic.clone()
        }))
    }

    fn forget_ends(&mut self) -> Result<()> {
        Ok(())
    }

    fn missing(&mut self, steps: &[Step]) -> Result<Vec<String>> {
        Ok(self.with(|state| {
            let missing = steps.iter().filter(|step| !state.steps.contains(step));
            missing.map(|step| format!("{step:?}")).collect()
        }))
    }

    fn cost(&mut self, measure: bool) -> Result<(u64, u64)> {
        Ok(if measure { (10, 500) } else { (0, 0) })
    }

    fn losses(&mut self) -> Result<(FlowStats, GateStats)> {
        Ok((FlowStats::default(), GateStats::default()))
    }

    fn own(&mut self) -> Result<Own> {
        self.may("own")?;
        Ok(self.with(|state| state.own.clone()))
    }

    fn count_runs(&mut self, count: bool) -> Result<()> {
        self.call("count_runs", &count.to_string())
    }

    fn snapshot(&mut self, _pids: &[u32]) -> Result<Snapshot> {
        self.may("snapshot")?;
        let (watched, flows, deps) =
            self.with(|state| (state.watched.clone(), state.flows.clone(), state.deps.clone()));
        let kinds = self.with(|state| state.kinds.clone());
        Ok(Snapshot {
            at: std::time::SystemTime::now(),
            epoch: None,
            tick: Duration::from_millis(4),
            watched,
            flows,
            histograms: std::collections::HashMap::new(),
            rest: Vec::new(),
            deps,
            listeners: Vec::new(),
            stats: FlowStats::default(),
            gate: GateStats::default(),
            kinds,
        })
    }

    fn lags(&mut self) -> Result<RawLags> {
        self.may("lags")?;
        Ok(self.with(|state| state.lags.clone()))
    }

    fn sockets(&mut self, _pids: &[u32]) -> Result<Vec<SockInfo>> {
        self.may("sockets")?;
        Ok(self.with(|state| state.sockets.clone()))
    }

    fn rewritten(&mut self, _pids: &[u32]) -> Result<Vec<Rewritten>> {
        self.may("rewritten")?;
        Ok(self.with(|state| state.rewritten.clone()))
    }

    fn lacking_clsact(&mut self, _steps: &[Step]) -> Result<Vec<(u64, u32)>> {
        Ok(self.with(|state| state.lacking_clsact.clone()))
    }

    fn flush_log(&mut self) {}

    fn release(&mut self) {
        self.with(|state| state.calls.push("release".into()));
    }

    fn set_halt(&mut self, halted: bool) -> Result<()> {
        self.call("halt", &halted.to_string())?;
        self.with(|state| state.halted = halted);
        Ok(())
    }

    fn halted(&mut self) -> Result<bool> {
        Ok(self.with(|state| state.halted))
    }

    fn inventory(&mut self) -> Result<Vec<String>> {
        Ok(self.with(|state| state.steps.iter().map(|step| format!("{step:?}")).collect()))
    }
}
