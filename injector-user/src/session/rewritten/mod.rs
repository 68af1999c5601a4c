//! Connections that the target's own namespace rewrites (DNAT): a packet behind NAT carries where it goes, not whom the
//! program asked for. A fault that names one of the two means both, where that can be: what is found in the table of
//! NAT is added to the addresses that the kernel has for the fault.

mod look;
mod wire;
mod words;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use injector_ebpf::rule::{HOOK_CGROUP_INGRESS, HOOK_INGRESS};

use self::look::{Look, ON_THE_WIRE, View, hooks};
use super::{engine::Engine, fault::Fault};
use crate::plan::{self, Plan};

pub use wire::Wire;

/// How often a fault's connections are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// A look takes at most one part of so many of the engine's time.
const SHARE: u32 = 20;

/// Whether it matters which of two addresses a packet carries.
fn concerns(plan: &Plan) -> bool {
    let (means, hooks) = (&plan.rule().means, hooks(plan));
    let named = plan.addresses().by_peer() || means.peer.high != 0 || means.except.high != 0;
    (named && hooks & (ON_THE_WIRE | HOOK_CGROUP_INGRESS) != 0) || hooks & HOOK_INGRESS != 0
}

impl Engine {
    /// What a plan must say of them; `pids` are the target's.
    pub(super) fn rewritten_in_words(&mut self, plan: &Plan, pids: &[u32]) -> Vec<String> {
        if !concerns(plan) || pids.is_empty() {
            return Vec::new();
        }
        let cgroups: BTreeSet<u64> = plan.allowed().cgroups.iter().map(|cgroup| cgroup.id).collect();
        let view = View { plan, base: plan.addresses(), wire: &Wire::default() };
        match self.look_at_nat(&view, pids, &cgroups) {
            Ok(look) => look.words(),
            Err(error) => vec![unknown(&error)],
        }
    }

    /// Nothing of its table of NAT if that is empty: then the sockets are not listed.
    fn look_at_nat(
        &mut self,
        view: &View<'_>,
        pids: &[u32],
        cgroups: &BTreeSet<u64>,
    ) -> anyhow::Result<Look> {
        let all = self.kernel.rewritten(pids)?;
        if all.is_empty() {
            return Ok(Look::default());
        }
        let sockets = self.kernel.sockets(pids)?;
        let ours = sockets.iter().filter(|socket| socket.cgroup_id.is_some_and(|id| cgroups.contains(&id)));
        Ok(view.look(&all, &ours.collect::<Vec<_>>()))
    }

    /// Every tick: the live fault for which it is time, if there is one.
    pub(super) fn follow_rewritten(&mut self, now: Instant) {
        let due = |fault: &Fault| {
            fault.lives() && concerns(&fault.plan) && fault.wire.next.is_none_or(|next| next <= now)
        };
        let waits = (0..self.faults.len()).filter(|index| due(&self.faults[*index]));
        if let Some(index) = waits.min_by_key(|index| self.faults[*index].wire.next) {
            self.follow_nat(index);
        }
    }

    /// Gives a fault the addresses that its connections have on the wire now.
    pub(super) fn follow_nat(&mut self, index: usize) {
        let fault = &self.faults[index];
        let (plan, wire, pids) = (fault.plan.clone(), fault.wire.clone(), fault.pids.clone());
        let Ok(found) = plan::addresses(&plan.spec().matching, &fault.named) else { return };
        if !concerns(&plan) || pids.is_empty() {
            return;
        }
        let base = plan::Addresses { name: plan.addresses().name.clone(), ..found };
        let cgroups: BTreeSet<u64> = fault.cgroups.iter().copied().collect();
        let began = Instant::now();
        let look = self.look_at_nat(&View { plan: &plan, base: &base, wire: &wire }, &pids, &cgroups);
        let next = Some(Instant::now() + EVERY.max(began.elapsed() * SHARE));
        self.faults[index].wire.next = next;
        match look {
            Ok(look) => self.found_nat(index, base, &look),
            Err(error) => self.faults[index].note_once(unknown(&error)),
        }
    }

    fn found_nat(&mut self, index: usize, base: plan::Addresses, look: &Look) {
        let fault = &mut self.faults[index];
        fault.wire.astray = look.astray.iter().copied().collect();
        let pairs: BTreeSet<_> = look.pairs.keys().copied().collect();
        let mut wire = fault.wire.with(&pairs);
        let shared = wire.share(&look.strangers);
        let addresses = wire.add_to(base);
        if addresses != *fault.plan.addresses() {
            if let Err(error) = self.kernel.set_addresses(fault.slot, &addresses) {
                fault.note_once(format!(
                    "NAT has made other addresses of its peers, and the kernel cannot be told: {error:#}"
                ));
                return;
            }
            fault.plan.readdressed(addresses);
        }
        fault.wire = wire;
        for address in shared {
            fault.note(format!(
                "{address} is no longer meant: others of the target's connections go there, too"
            ));
        }
        for pair in pairs {
            if fault.wire.is_news(pair) {
                fault.note(pair.words(""));
            }
        }
    }
}

fn unknown(error: &anyhow::Error) -> String {
    format!("it cannot be told whether NAT rewrites its peers: {error:#}")
}
