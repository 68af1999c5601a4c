//! The gate in front of every fault: not halted, lease alive, deadline not passed, draw, budget not spent.

use aya_ebpf::helpers::{bpf_get_prandom_u32, generated::bpf_jiffies64};
use injector_ebpf::{
    ABI_VERSION,
    rule::{CgroupEntry, GateStats, MAX_RULES, Rule, RuleStats},
};

use super::{
    atomic,
    maps::{INJ_CGROUPS, INJ_DEADLINES, INJ_GATE_STATS, INJ_HALT, INJ_LEASE, INJ_RULES, INJ_STATS},
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

/// What the daemon says of a cgroup: an unknown one is never faulted.
#[inline(always)]
pub fn cgroup(id: u64) -> Option<CgroupEntry> {
    unsafe { INJ_CGROUPS.get(&id) }.copied()
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
    pub fn matched(&self, wire: u64) {
        unsafe {
            atomic::add(&raw mut (*self.stats).matched, 1);
            atomic::add(&raw mut (*self.stats).matched_wire, wire);
        }
    }

    /// Throws the dice once and settles deadline and budget. Counts whatever the outcome is.
    #[inline(always)]
    pub fn fires(&self, now: u64, wire: u64, bytes: u64) -> bool {
        let stats = self.stats;
        let deadline = match INJ_DEADLINES.get(self.index) {
            Some(deadline) => *deadline,
            None => 0,
        };
        if now > deadline {
            unsafe { atomic::add(&raw mut (*stats).passed_deadline, 1) };
            return false;
        }
        if u64::from(unsafe { bpf_get_prandom_u32() }) >= self.rule.threshold {
            unsafe { atomic::add(&raw mut (*stats).passed_chance, 1) };
            return false;
        }
        // Charged first, then compared with what was there: two CPUs cannot both take the last one.
        let before = unsafe { atomic::fetch_add(&raw mut (*stats).charged, wire) };
        if before.saturating_add(wire) > self.rule.budget {
            unsafe { atomic::add(&raw mut (*stats).passed_budget, 1) };
            return false;
        }
        unsafe {
            atomic::add(&raw mut (*stats).acted, 1);
            atomic::add(&raw mut (*stats).acted_wire, wire);
            atomic::add(&raw mut (*stats).acted_bytes, bytes);
            (*stats).last = now;
        }
        true
    }
}
