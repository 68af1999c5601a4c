//! After a fault: how long until its target is back where it was.

use std::time::Instant;

use super::engine::Engine;
use crate::{
    api::types::RecoveryDoc,
    observe::{Recovery, Sums, sum},
    target,
};

/// A target whose fault has ended.
#[derive(Debug)]
pub struct Recovering {
    /// The fault.
    pub id: String,
    /// Its cgroups.
    pub cgroups: Vec<u64>,
    /// The judge.
    pub recovery: Recovery,
    /// When the fault ended.
    pub since: Instant,
}

impl Engine {
    /// Once a second: the sums of all cgroups, for what comes before the next fault and what came after the last.
    pub(super) fn look_back(&mut self) {
        let Some(sums) = self.sums() else { return };
        self.history.look(Instant::now(), &sums);
        let mut recovering = std::mem::take(&mut self.recovering);
        recovering.retain_mut(|one| {
            let parts: Vec<_> = one.cgroups.iter().filter_map(|id| sums.get(id)).collect();
            let doc = one.recovery.tick(&sum(parts), one.since.elapsed());
            let waits = doc == RecoveryDoc::Waiting;
            match self.ended.iter_mut().find(|ended| ended.id == one.id) {
                Some(ended) => ended.recovery = Some(doc),
                None => return self.faults.iter().any(|fault| fault.id == one.id),
            }
            waits
        });
        self.recovering = recovering;
        self.ledger.second(&self.faults, &mut *self.kernel);
    }

    /// The sums of all cgroups that are there.
    pub(super) fn sums(&mut self) -> Option<Sums> {
        let there = target::subtree(&self.host, "/").unwrap_or_default();
        let exists = |id: u64| there.iter().any(|cgroup| cgroup.id == id);
        match self.kernel.cgroup_aggregates(&exists) {
            Ok(sums) => Some(sums),
            Err(error) => {
                tracing::warn!("the cgroups' sums cannot be read: {error:#}");
                None
            }
        }
    }
}
