//! After a fault: how long until its target is back where it was.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tracing::warn;

use super::engine::Engine;
use crate::{
    api::types::RecoveryDoc,
    observe::{Recovery, Sums, Tried, TriedBy, sum, tried_by},
    target,
};

/// Who cannot be judged for so long is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// What failed, and whose failures are seen.
pub(super) struct Seen {
    tried: TriedBy,
    watched: BTreeSet<u64>,
}

impl Seen {
    /// Of these cgroups; `None`: one of them is not watched.
    pub(super) fn tried(&self, ids: &[u64]) -> Option<Tried> {
        ids.iter().all(|id| self.watched.contains(id)).then(|| Tried::of(&self.tried, ids))
    }
}

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

impl Recovering {
    fn judge(&mut self, sums: Option<&Sums>, seen: Option<&Seen>) -> RecoveryDoc {
        let since = self.since.elapsed();
        match sums {
            Some(sums) => {
                let parts: Vec<_> = self.cgroups.iter().filter_map(|id| sums.get(id)).collect();
                let tried = seen.and_then(|seen| seen.tried(&self.cgroups));
                self.recovery.tick(&sum(parts), tried, since)
            }
            None if since >= PATIENCE => {
                RecoveryDoc::Unknown { why: "the cgroups' sums cannot be read".to_owned() }
            }
            None => RecoveryDoc::Waiting,
        }
    }
}

impl Engine {
    /// Once a second: the sums of all cgroups, for what comes before the next fault and what came after the last.
    pub(super) fn look_back(&mut self) {
        let sums = self.sums();
        if let Some(sums) = &sums {
            self.history.look(Instant::now(), sums);
        }
        let seen = self.failures_seen();
        let mut recovering = std::mem::take(&mut self.recovering);
        recovering.retain_mut(|one| {
            let doc = one.judge(sums.as_ref(), seen.as_ref());
            let waits = doc == RecoveryDoc::Waiting;
            match self.ended.iter_mut().find(|ended| ended.id == one.id) {
                Some(ended) => {
                    ended.recovery = Some(doc);
                    ended.recovery_judged = one.recovery.judged();
                }
                None => return self.faults.iter().any(|fault| fault.id == one.id),
            }
            waits
        });
        self.recovering = recovering;
        self.follow_courses(sums.as_ref(), seen.as_ref());
        self.ledger.second(&self.faults, &mut *self.kernel);
    }

    /// What failed of what was tried, of those that are watched: once a second, for a minute after a fault.
    fn failures_seen(&mut self) -> Option<Seen> {
        let waits = !self.recovering.is_empty() || self.is_after_one();
        if !waits || self.watched_roots().is_empty() {
            return None;
        }
        let snapshot = self.kernel.snapshot(&[]);
        let snapshot = snapshot.inspect_err(|error| warn!("what failed cannot be read: {error:#}")).ok()?;
        Some(Seen { tried: tried_by(&snapshot), watched: snapshot.watched.into_iter().collect() })
    }

    /// The sums of all cgroups that are there; `None`: they cannot be told, and nothing is forgotten.
    pub(super) fn sums(&mut self) -> Option<Sums> {
        let sums = match target::subtree(&self.host, "/") {
            Ok(there) => {
                let there: BTreeSet<u64> = there.into_iter().map(|cgroup| cgroup.id).collect();
                self.kernel.cgroup_aggregates(&|id| there.contains(&id))
            }
            Err(error) => Err(error.into()),
        };
        sums.inspect_err(|error| warn!("the cgroups' sums cannot be read: {error:#}")).ok()
    }
}
