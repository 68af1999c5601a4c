//! The only room that knows aya and netlink: a trait, the real one, and a recording fake.

pub mod attach;
pub mod btf;
pub mod cgroups;
mod clock;
mod compat;
mod cost;
mod drift;
mod events;
pub mod fake;
mod fields;
mod functions;
pub mod gates;
pub mod iter;
mod lag_fields;
mod loader;
mod mapped;
mod meters;
pub mod near;
pub mod net;
pub mod object;
mod own;
pub mod probe;
pub mod probes;
mod query;
pub mod real;
mod rings;
pub mod seccomp;
mod shapes;
mod slots;
mod storage;
mod typed;
pub mod types;
mod watched;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use injector_ebpf::{
    flow::FlowStats,
    rtt::Aggregate,
    rule::{CgroupEntry, Delays, GateStats, Rule, RuleStats},
};

use crate::{
    limits::{Budget, Protection},
    observe::{RawLags, Snapshot},
    plan::{Addresses, Capabilities, Side, Site, Step},
};
pub use clock::ktime;
pub use events::Ring;
pub use functions::{hook_function, security_function, syscall_function};
use net::{Rewritten, SockInfo};
pub use own::{Own, Program};

/// What a delay device still holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Packets in its queue.
    pub packets: u64,
    /// Packets that it lost because the queue was full.
    pub tail_drops: u64,
}

/// Everything that the engine asks of the kernel. The engine's logic is tested against [`fake::Fake`]; that
/// the fake behaves as the kernel does is what the native and VM tests are for.
pub trait Kernel: Send {
    /// What this kernel can do.
    fn capabilities(&self) -> &Capabilities;

    /// Loads the programs that act on packets, where this kernel can, so that arming is quick (those on system calls are
    /// loaded when they are needed); or unloads everything that can do harm.
    ///
    /// # Errors
    /// The kernel refused.
    fn prepare(&mut self, harm: bool) -> Result<()>;

    /// The network namespaces of these processes with their interfaces; ours if no process is given, none if all of
    /// them have ended meanwhile.
    ///
    /// # Errors
    /// A namespace cannot be opened or listed.
    fn sites(&mut self, pids: &[u32]) -> Result<Vec<Site>>;

    /// What others have on this side of an interface that is asked before our clsact filters, in that order; see
    /// [`net::Rtnl::foreign`]. The namespace is one of [`Kernel::sites`].
    ///
    /// # Errors
    /// The kernel refused to list it.
    fn foreign(&mut self, netns: u64, index: u32, side: Side) -> Result<Vec<String>>;

    /// Does one step. On error nothing of it is left.
    ///
    /// # Errors
    /// What was asked of the kernel and what it said.
    fn apply(&mut self, step: &Step) -> Result<()>;

    /// Undoes one step, at once. For a delay device: deletes it with what it holds.
    ///
    /// # Errors
    /// The kernel refused; what is gone already is no error.
    fn undo(&mut self, step: &Step) -> Result<()>;

    /// What a delay device holds.
    ///
    /// # Errors
    /// The device cannot be asked. Gone is no error: it holds nothing.
    fn held(&mut self, step: &Step) -> Result<Held>;

    /// How often the kernel has not run the fmod_ret programs that these steps have attached, since they were loaded, for
    /// whatever task; `None`: there are none.
    ///
    /// # Errors
    /// The kernel refused.
    fn missed(&mut self, steps: &[Step]) -> Result<Option<u64>>;

    /// Whom a rule means by address and name; again while it is set, when names have other addresses. Before
    /// [`Kernel::set_rule`].
    ///
    /// # Errors
    /// The kernel refused, or all rules together name too many networks.
    fn set_addresses(&mut self, slot: u32, addresses: &Addresses) -> Result<()>;

    /// Writes a rule and zeroes its counters.
    ///
    /// # Errors
    /// The kernel refused.
    fn set_rule(&mut self, slot: u32, rule: &Rule) -> Result<()>;

    /// Changes a rule that is set: its share, or that it is a shadow no more. Its counters go on.
    ///
    /// # Errors
    /// The kernel refused.
    fn change_rule(&mut self, slot: u32, rule: &Rule) -> Result<()>;

    /// Gives a rule its budgets, unused. Before [`Kernel::set_rule`].
    ///
    /// # Errors
    /// The kernel refused.
    fn set_budget(&mut self, slot: u32, budget: &Budget) -> Result<()>;

    /// The budgets of all rules together. What was taken from them already stays taken.
    ///
    /// # Errors
    /// The kernel refused.
    fn set_node_budget(&mut self, budget: &Budget) -> Result<()>;

    /// Whether a budget of all rules together has said no since it was set.
    ///
    /// # Errors
    /// The kernel refused.
    fn node_refusals(&mut self) -> Result<u64>;

    /// Frees a rule and waits until no program is left that could still be acting on it.
    ///
    /// # Errors
    /// The kernel refused.
    fn free_rule(&mut self, slot: u32) -> Result<()>;

    /// The same for several, which wait only once.
    ///
    /// # Errors
    /// The kernel refused one of them; the others are free.
    fn free_rules(&mut self, slots: &[u32]) -> Result<()> {
        let mut freed = Ok(());
        for slot in slots {
            freed = freed.and(self.free_rule(*slot));
        }
        freed
    }

    /// Says which rules mean which cgroups. What is not named is not known, hence never faulted.
    ///
    /// # Errors
    /// The kernel refused.
    fn set_cgroups(&mut self, entries: &BTreeMap<u64, CgroupEntry>) -> Result<()>;

    /// cgroups whose flows are observed: topmost ones, by path. `all`: every cgroup's, and at the interfaces of our
    /// namespace what no flow counts.
    ///
    /// # Errors
    /// The kernel refused.
    fn observe(&mut self, roots: &[String], all: bool) -> Result<()>;

    /// Whether round trips and retransmits of TCP are observed.
    ///
    /// # Errors
    /// The kernel refused.
    fn probe(&mut self, on: bool) -> Result<()>;

    /// What no rule may touch.
    ///
    /// # Errors
    /// The kernel refused.
    fn protect(&mut self, protection: &Protection) -> Result<()>;

    /// Takes a fresh lease. Only with no rule armed.
    ///
    /// # Errors
    /// The kernel refused.
    fn lease(&mut self, span: Duration) -> Result<()>;

    /// Renews it; `false`: it has lapsed for good.
    ///
    /// # Errors
    /// The kernel refused.
    fn renew(&mut self, span: Duration) -> Result<bool>;

    /// Gives a rule its deadline and returns the present tick.
    ///
    /// # Errors
    /// The kernel refused.
    fn deadline(&mut self, slot: u32, span: Duration) -> Result<u64>;

    /// How long a number of ticks is.
    fn span(&self, ticks: u64) -> Duration;

    /// What a rule counted.
    ///
    /// # Errors
    /// The kernel refused.
    fn stats(&mut self, slot: u32) -> Result<RuleStats>;

    /// How long packets were in a rule's device.
    ///
    /// # Errors
    /// The kernel refused.
    fn delays(&mut self, slot: u32) -> Result<Delays>;

    /// The control group's sums (index 0) and the rules' (1 + slot).
    ///
    /// # Errors
    /// The kernel refused.
    fn aggregate(&mut self, index: u32) -> Result<Aggregate>;

    /// The sums of every cgroup that has had TCP traffic; the cgroups that `exists` denies are forgotten.
    ///
    /// # Errors
    /// The kernel refused.
    fn cgroup_aggregates(&mut self, exists: &dyn Fn(u64) -> bool) -> Result<BTreeMap<u64, Aggregate>>;

    /// No fault is armed: nobody talks to a target any more.
    ///
    /// # Errors
    /// The kernel refused.
    fn forget_ends(&mut self) -> Result<()>;

    /// What is missing of these steps, which were applied: removed or changed by somebody else.
    ///
    /// # Errors
    /// The kernel refused.
    fn missing(&mut self, steps: &[Step]) -> Result<Vec<String>>;

    /// How often our programs ran and how long that took, in ns, since the last call; measured while `measure` was
    /// true there. Measuring costs every program on the host some 20 ns, so it is done for one second in ten.
    ///
    /// # Errors
    /// The kernel refused.
    fn cost(&mut self, measure: bool) -> Result<(u64, u64)>;

    /// What observation and the gate lost since the daemon started.
    ///
    /// # Errors
    /// The kernel refused.
    fn losses(&mut self) -> Result<(FlowStats, GateStats)>;

    /// What we hold in the kernel, with its memory and its programs' runs.
    ///
    /// # Errors
    /// It cannot be told.
    fn own(&mut self) -> Result<Own>;

    /// Begins, or ends, to count the runs of programs. This costs every program on the host some 20 ns a run.
    ///
    /// # Errors
    /// The kernel refused.
    fn count_runs(&mut self, count: bool) -> Result<()>;

    /// Everything that was observed; listeners of the namespaces of these processes.
    ///
    /// # Errors
    /// The kernel refused.
    fn snapshot(&mut self, pids: &[u32]) -> Result<Snapshot>;

    /// How long the requests and tasks of the cgroups with `CG_LAG` waited.
    ///
    /// # Errors
    /// The kernel refused.
    fn lags(&mut self) -> Result<RawLags>;

    /// Sockets in the namespaces of these processes.
    ///
    /// # Errors
    /// The kernel refused.
    fn sockets(&mut self, pids: &[u32]) -> Result<Vec<SockInfo>>;

    /// Connections in the namespaces of these processes whose destination is rewritten there; see [`net::rewritten`].
    ///
    /// # Errors
    /// A namespace cannot be entered.
    fn rewritten(&mut self, pids: &[u32]) -> Result<Vec<Rewritten>>;

    /// Where these steps will make a clsact qdisc: (inode of the namespace, interface). It goes to the journal first:
    /// nobody else can tell afterwards whose an empty one is.
    ///
    /// # Errors
    /// The qdiscs could not be listed.
    fn lacking_clsact(&mut self, steps: &[Step]) -> Result<Vec<(u64, u32)>>;

    /// Writes what the programs have said into our own log.
    fn flush_log(&mut self);

    /// Takes away what is kept between faults: the clsact qdiscs. For the daemon's end.
    fn release(&mut self);

    /// Sets or lifts the halt word.
    ///
    /// # Errors
    /// The kernel refused.
    fn set_halt(&mut self, halted: bool) -> Result<()>;

    /// Whether the halt word is set, by whomever.
    ///
    /// # Errors
    /// The kernel refused.
    fn halted(&mut self) -> Result<bool>;

    /// Everything that carries this instance's tag or is held by it, as the kernel tells it.
    ///
    /// # Errors
    /// The kernel refused.
    fn inventory(&mut self) -> Result<Vec<String>>;
}
