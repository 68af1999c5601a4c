//! Connections that the target's own namespace rewrites (DNAT): a packet behind NAT carries where it goes, not whom the
//! program asked for. On the way out the kernel knows both (programs/asked.rs); what else becomes of them is told here.

mod look;
mod words;

use std::collections::BTreeSet;

use injector_ebpf::rule::HOOK_INGRESS;

use self::look::{Look, hooks, look};
use super::engine::Engine;
use crate::plan::Plan;

/// Whether it matters which of two addresses a packet carries.
fn concerns(plan: &Plan) -> bool {
    let (means, hooks) = (&plan.rule().means, hooks(plan));
    let named = plan.addresses().by_peer() || means.peer.high != 0 || means.except.high != 0;
    (named && hooks != 0) || hooks & HOOK_INGRESS != 0
}

impl Engine {
    /// What a plan must say of them; `pids` are the target's.
    pub(super) fn rewritten_in_words(&mut self, plan: &Plan, pids: &[u32]) -> Vec<String> {
        let cgroups = plan.allowed().cgroups.iter().map(|cgroup| cgroup.id).collect();
        match self.rewritten(plan, pids, &cgroups) {
            Ok(look) => look.words(),
            Err(error) => vec![format!("it cannot be told whether NAT rewrites its peers: {error:#}")],
        }
    }

    /// Of a live fault: how many connections it means by one of two addresses, and else why it may mean none. Nothing if
    /// that can't be told.
    pub(super) fn astray(&mut self, index: usize, pids: &[u32]) -> (usize, Option<String>) {
        let (plan, cgroups) = (self.faults[index].plan.clone(), self.faults[index].cgroups.clone());
        let look = self.rewritten(&plan, pids, &cgroups.into_iter().collect()).unwrap_or_default();
        (look.meant(), look.astray())
    }

    /// Nothing if its table of NAT is empty: then the sockets are not listed.
    fn rewritten(&mut self, plan: &Plan, pids: &[u32], cgroups: &BTreeSet<u64>) -> anyhow::Result<Look> {
        if !concerns(plan) || pids.is_empty() {
            return Ok(Look::default());
        }
        let all = self.kernel.rewritten(pids)?;
        if all.is_empty() {
            return Ok(Look::default());
        }
        let sockets = self.kernel.sockets(pids)?;
        let ours = sockets.iter().filter(|socket| socket.cgroup_id.is_some_and(|id| cgroups.contains(&id)));
        Ok(look(plan, &all, &ours.collect::<Vec<_>>()))
    }
}
