//! Of which cgroups it is observed how long their requests to disks take and their tasks wait: all whose flows are, and
//! those whose saturation somebody reads.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use injector_ebpf::rule::{CG_LAG, CG_WATCH, CgroupEntry};
use tracing::warn;

use super::engine::Engine;
use crate::{observe::RawLags, target};

/// How long what was read is observed: whoever reads once a second does not miss one.
const READ_ON: Duration = Duration::from_secs(5);

/// The topmost cgroups whose saturation was read last, and until when that counts.
#[derive(Debug, Default)]
pub(super) struct LagRoots(Option<(Vec<String>, Instant)>);

impl LagRoots {
    fn now(&self) -> &[String] {
        match &self.0 {
            Some((roots, until)) if *until > Instant::now() => roots,
            _ => &[],
        }
    }

    /// So much later.
    #[cfg(test)]
    pub(super) fn age(&mut self, span: Duration) {
        self.0 = self.0.take().and_then(|(roots, until)| Some((roots, until.checked_sub(span)?)));
    }
}

impl Engine {
    /// Says so in the entries that the programs look at.
    pub(super) fn add_lags(&self, entries: &mut BTreeMap<u64, CgroupEntry>) {
        for entry in entries.values_mut().filter(|entry| entry.flags & CG_WATCH != 0) {
            entry.flags |= CG_LAG;
        }
        for root in self.lag_roots.now() {
            for cgroup in target::subtree(&self.host, root).unwrap_or_default() {
                entries.entry(cgroup.id).or_default().flags |= CG_LAG;
            }
        }
    }

    /// Somebody reads these: the first time there is nothing yet.
    pub(super) fn read_lags(&mut self, roots: &[String]) -> RawLags {
        let new = roots.iter().any(|root| !self.lag_roots.now().contains(root));
        self.lag_roots.0 = Some((roots.to_vec(), Instant::now() + READ_ON));
        if new {
            self.publish();
        }
        self.kernel.lags().unwrap_or_else(|error| {
            warn!("how long cgroups wait cannot be read: {error:#}");
            RawLags::default()
        })
    }
}
