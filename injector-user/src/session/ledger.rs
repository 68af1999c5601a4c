//! What shadow faults would have done, kept over restarts of the daemon: the node owner's reason to allow more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{fault::Fault, halt::now, own::process};
use crate::{api::types::CertificateDoc, kernel::Kernel};

/// How often it is written.
const WRITE: Duration = Duration::from_secs(30);
/// The most cgroups that are named.
const MOST: usize = 1000;

/// What is on disk.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    since: Option<String>,
    faults: u64,
    seconds: u64,
    matched: u64,
    would_have_acted: u64,
    protected: u64,
    protected_hits: u64,
    cgroups: BTreeSet<String>,
    highest_share_percent: Option<f64>,
    runs: u64,
    run_ns: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    kept: Kept,
    /// What was added already, by fault: matched, shadow, protected, acted.
    seen: BTreeMap<String, [u64; 4]>,
    written: Instant,
}

impl Ledger {
    /// Reads what an earlier daemon kept. A file that cannot be read begins anew.
    pub fn open(state_dir: &Path) -> Self {
        let path = state_dir.join("shadow.json");
        let kept = match fs::read(&path) {
            Err(_) => Kept::default(),
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                warn!("{} cannot be read and begins anew: {error}", path.display());
                Kept::default()
            }),
        };
        Self { path, kept, seen: BTreeMap::new(), written: Instant::now() }
    }

    /// Once a second: adds what the shadows did since.
    pub fn second(&mut self, faults: &[Fault], kernel: &mut dyn Kernel) {
        let shadows: Vec<&Fault> = faults.iter().filter(|fault| fault.lives() && fault.is_shadow()).collect();
        let before = self.seen.len();
        self.seen.retain(|id, _| shadows.iter().any(|fault| fault.id == *id));
        let ended = before > self.seen.len();
        let measure = !shadows.is_empty();
        match kernel.cost(measure) {
            Ok((runs, ns)) => {
                self.kept.runs += runs;
                self.kept.run_ns += ns;
            }
            Err(error) => warn!("the programs' cost cannot be read: {error:#}"),
        }
        if shadows.is_empty() {
            if ended {
                self.write();
            }
            return;
        }
        self.kept.since.get_or_insert_with(now);
        self.kept.seconds += 1;
        for fault in shadows {
            let stats = &fault.stats;
            let stats = [stats.matched, stats.shadow, stats.passed_protected, stats.acted];
            if !self.seen.contains_key(&fault.id) {
                self.kept.faults += 1;
            }
            let seen = self.seen.entry(fault.id.clone()).or_default();
            let new = |index: usize| stats[index].saturating_sub(seen[index]);
            self.kept.matched += new(0);
            self.kept.would_have_acted += new(1);
            self.kept.protected += new(2);
            // A shadow acts on nothing, and a protected packet is left alone before the dice are thrown: what was
            // matched is chance, shadow or protected, or somebody touched it who must not.
            self.kept.protected_hits += new(3);
            *seen = stats;
            let share = fault.plan.share_of_traffic().map(|share| share * 100.0);
            self.kept.highest_share_percent = match (self.kept.highest_share_percent, share) {
                (Some(before), Some(now)) => Some(before.max(now)),
                (before, now) => before.or(now),
            };
            for cgroup in &fault.plan.allowed().cgroups {
                if self.kept.cgroups.len() < MOST {
                    self.kept.cgroups.insert(cgroup.path.clone());
                }
            }
        }
        if self.written.elapsed() >= WRITE {
            self.write();
        }
    }

    fn write(&mut self) {
        self.written = Instant::now();
        let result = serde_json::to_vec(&self.kept).map_err(std::io::Error::from).and_then(|text| {
            let temporary = self.path.with_extension("new");
            fs::write(&temporary, text)?;
            fs::rename(&temporary, &self.path)
        });
        if let Err(error) = result {
            warn!("{} cannot be written: {error}", self.path.display());
        }
    }

    /// The document.
    pub fn certificate(&self) -> CertificateDoc {
        let kept = &self.kept;
        let (cpu, rss) = process();
        CertificateDoc {
            since: kept.since.clone(),
            faults: kept.faults,
            seconds: kept.seconds,
            matched: kept.matched,
            would_have_acted: kept.would_have_acted,
            protected: kept.protected,
            protected_hits: kept.protected_hits,
            cgroups: kept.cgroups.iter().cloned().collect(),
            highest_share_percent: kept.highest_share_percent,
            cost_ns: (kept.runs > 0).then(|| (kept.run_ns as f64 / kept.runs as f64 * 10.0).round() / 10.0),
            daemon_cpu_seconds: cpu,
            daemon_rss_bytes: rss,
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.kept.since.is_some() {
            self.write();
        }
    }
}
