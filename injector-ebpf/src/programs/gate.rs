//! The gate in front of every fault: not halted, lease alive, deadline not passed, draw, budget not spent.

use aya_ebpf::helpers::generated::bpf_jiffies64;
use injector_ebpf::{
    ABI_VERSION,
    flow::End,
    meter::{
        BYTES, BYTES_RATE, METERS_PER_RULE, NODE_BYTES, NODE_BYTES_RATE, NODE_CALLS, NODE_CALLS_RATE,
        NODE_PACKETS, NODE_PACKETS_RATE, UNITS, UNITS_RATE,
    },
    rule::{CG_WATCH, CgroupEntry, GateStats, MAX_RULES, RULE_SHADOW, Rule, RuleStats},
};

use super::{
    atomic, draw,
    maps::{
        INJ_CGROUPS, INJ_DEADLINES, INJ_ENDS, INJ_GATE_STATS, INJ_GENERATION, INJ_HALT, INJ_INTERFACES,
        INJ_LEASE, INJ_RULES, INJ_STATS, INJ_USERS,
    },
    meter::inj_charge,
};

/// Counts in the gate's own statistics: per CPU, because other people's packets come by here too.
macro_rules! count {
    ($field:ident) => {
        if let Some(stats) = $crate::programs::gate::stats() {
            unsafe { (*stats).$field += 1 }
        }
    };
}
pub(crate) use count;

pub fn stats() -> Option<*mut GateStats> {
    INJ_GATE_STATS.get_ptr_mut(0)
}

/// May anything act at all? Returns the present tick if so.
#[inline(always)]
pub fn open() -> Option<u64> {
    let halt = INJ_HALT.get(0)?;
    if halt.word != 0 || halt.abi != ABI_VERSION {
        count!(halted);
        return None;
    }
    let lease = INJ_LEASE.get(0)?;
    let now = unsafe { bpf_jiffies64() };
    if now > lease.until || lease.lapsed != 0 {
        count!(lapsed);
        return None;
    }
    Some(now)
}

/// May a fault be armed?
#[inline(always)]
pub fn leased() -> bool {
    match INJ_LEASE.get(0) {
        Some(lease) => lease.until >= unsafe { bpf_jiffies64() },
        None => false,
    }
}

/// How often what is said of cgroups has changed: whoever keeps a copy of it looks again then.
#[inline(always)]
pub fn generation() -> u32 {
    match INJ_GENERATION.get(0) {
        Some(generation) => *generation as u32,
        None => 0,
    }
}

/// Is this cgroup observed? By its entry, or because all are.
#[inline(always)]
pub fn watched(id: u64) -> bool {
    cgroup(id).is_some_and(|entry| entry.flags & CG_WATCH != 0) || all_watched()
}

/// Are all cgroups observed?
#[inline(always)]
pub fn all_watched() -> bool {
    match INJ_GENERATION.get(1) {
        Some(all) => *all != 0,
        None => false,
    }
}

/// What the daemon says of a cgroup: an unknown one is never faulted.
#[inline(always)]
pub fn cgroup(id: u64) -> Option<CgroupEntry> {
    unsafe { INJ_CGROUPS.get(&id) }.copied()
}

/// The node's meters for packets and for calls (which have no bytes): units and bytes, in a second and in an hour.
pub const PACKET_METERS: [u32; 4] = [NODE_PACKETS_RATE, NODE_BYTES_RATE, NODE_PACKETS, NODE_BYTES];
pub const CALL_METERS: [u32; 4] = [NODE_CALLS_RATE, NODE_BYTES_RATE, NODE_CALLS, NODE_BYTES];

/// Is this user protected?
#[inline(always)]
pub fn user(uid: u32) -> bool {
    unsafe { INJ_USERS.get(&uid) }.is_some()
}

/// Is the interface with this index protected? Asked at a cgroup's hooks only: nothing hangs on the interface itself.
/// Another namespace's interface with the same index is spared with it.
#[inline(always)]
pub fn interface(index: u32) -> bool {
    unsafe { INJ_INTERFACES.get(&index) }.is_some()
}

/// Remembers where a target is reached: whoever talks to it feels the fault and is no control group.
#[inline(always)]
pub fn ends(addr: &[u32; 4], port: u16) {
    let end = End { addr: *addr, port: u32::from(port), pad: 0 };
    if unsafe { INJ_ENDS.get(&end) }.is_none() {
        let _ = INJ_ENDS.insert(&end, &1, 0);
    }
}

/// A rule with what it counts.
pub struct Slot {
    pub rule: &'static Rule,
    pub stats: *mut RuleStats,
    pub index: u32,
}

impl Slot {
    #[inline(always)]
    pub fn get(index: u32) -> Option<Self> {
        let rule = INJ_RULES.get(index)?;
        let stats = INJ_STATS.get_ptr_mut(index)?;
        Some(Self { rule, stats, index })
    }

    /// The first rule of `rules` that acts at `hook` and that `means` accepts.
    #[inline(always)]
    pub fn first(rules: u32, hook: u32, means: impl Fn(&Rule) -> bool) -> Option<Self> {
        for index in 0..MAX_RULES as u32 {
            if rules >> index == 0 {
                break;
            }
            if rules & (1 << index) == 0 {
                continue;
            }
            let rule = INJ_RULES.get(index)?;
            if rule.hook & hook != 0 && means(rule) {
                return Self::get(index);
            }
        }
        None
    }

    /// Counts one match of `wire` segments.
    #[inline(always)]
    pub fn matched(&self, wire: u64, bytes: u64) {
        unsafe {
            atomic::add(&raw mut (*self.stats).matched, 1);
            atomic::add(&raw mut (*self.stats).matched_wire, wire);
            atomic::add(&raw mut (*self.stats).matched_bytes, bytes);
        }
    }

    /// Throws the dice once and settles deadline and budgets. Counts whatever the outcome is. `flow`: the hash of the
    /// packet's flow. 0: it does not act; else what [`draw::takes`] says.
    #[inline(always)]
    pub fn fires(&self, now: u64, wire: u64, bytes: u64, flow: u32, node: &[u32; 4]) -> u64 {
        let stats = self.stats;
        if !self.alive(now) {
            unsafe { atomic::add(&raw mut (*stats).passed_deadline, 1) };
            return 0;
        }
        let taken = draw::takes(self.index, &self.rule.draw, flow, now);
        if taken == 0 {
            unsafe { atomic::add(&raw mut (*stats).passed_chance, 1) };
            return 0;
        }
        if self.rule.flags & RULE_SHADOW != 0 {
            unsafe {
                atomic::add(&raw mut (*stats).shadow, 1);
                atomic::add(&raw mut (*stats).shadow_wire, wire);
                atomic::add(&raw mut (*stats).shadow_bytes, bytes);
            }
            return 0;
        }
        if !self.settle(now, wire, bytes, node) {
            return 0;
        }
        unsafe {
            atomic::add(&raw mut (*stats).acted, 1);
            atomic::add(&raw mut (*stats).acted_wire, wire);
            atomic::add(&raw mut (*stats).acted_bytes, bytes);
            (*stats).last = now;
        }
        taken
    }

    /// Its deadline has not passed.
    #[inline(always)]
    pub fn alive(&self, now: u64) -> bool {
        match INJ_DEADLINES.get(self.index) {
            Some(deadline) => now <= *deadline,
            None => false,
        }
    }

    /// Charges the budgets; counts whom they refuse.
    #[inline(always)]
    pub fn settle(&self, now: u64, wire: u64, bytes: u64, node: &[u32; 4]) -> bool {
        let stats = self.stats;
        let own = self.index * METERS_PER_RULE;
        // The rates first: what a rate refuses must not use up a total.
        if inj_charge(node[0], wire, now) | inj_charge(node[1], bytes, now) != 0
            || inj_charge(own + UNITS_RATE, wire, now) | inj_charge(own + BYTES_RATE, bytes, now) != 0
        {
            unsafe { atomic::add(&raw mut (*stats).passed_rate, 1) };
            return false;
        }
        if inj_charge(node[2], wire, now) | inj_charge(node[3], bytes, now) != 0
            || inj_charge(own + UNITS, wire, now) | inj_charge(own + BYTES, bytes, now) != 0
        {
            unsafe { atomic::add(&raw mut (*stats).passed_budget, 1) };
            return false;
        }
        true
    }

    /// A fragment goes the way of its first one.
    #[inline(always)]
    pub fn follows(&self, bytes: u64) {
        unsafe {
            atomic::add(&raw mut (*self.stats).acted_wire, 1);
            atomic::add(&raw mut (*self.stats).acted_bytes, bytes);
        }
    }
}
