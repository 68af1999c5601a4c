//! What /proc says of the host.

use super::{HostLimits, pressure};
use nix::sys::statvfs::statvfs;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The host's state at one moment. `None`: it could not be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostFacts {
    /// Load average of a minute for each CPU that is online.
    pub load_per_cpu: Option<f64>,
    /// `some avg10` of /proc/pressure/cpu: percent of the last 10 s in which some task waited.
    pub cpu_pressure: Option<f64>,
    /// The same of memory.
    pub memory_pressure: Option<f64>,
    /// The same of io.
    pub io_pressure: Option<f64>,
    /// MemAvailable of MemTotal, in percent.
    pub free_memory: Option<f64>,
    /// For each disk that was asked for: free for an unprivileged user, in percent of the size.
    pub free_disk: BTreeMap<PathBuf, Option<f64>>,
}

impl HostFacts {
    /// Reads below `root` (`/`; tests have a tree of their own). The disks are those of `limits`, or the one of
    /// `state_dir`; they are looked at only if `min_free_disk` is set, because a network file system can hang.
    pub fn read(root: &Path, limits: &HostLimits, state_dir: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let pressure = |of: &str| pressure::some_avg10(&text(&format!("proc/pressure/{of}"))?);
        let disks = match (limits.min_free_disk, limits.disks.as_slice()) {
            (None, _) => Vec::new(),
            (Some(_), []) => vec![state_dir],
            (Some(_), disks) => disks.iter().map(PathBuf::as_path).collect(),
        };
        HostFacts {
            load_per_cpu: load_per_cpu(text("proc/loadavg"), text("proc/stat")),
            cpu_pressure: pressure("cpu"),
            memory_pressure: pressure("memory"),
            io_pressure: pressure("io"),
            free_memory: text("proc/meminfo").and_then(|text| free_memory(&text)),
            free_disk: disks.into_iter().map(|disk| (disk.to_owned(), free_disk(root, disk))).collect(),
        }
    }

    /// A host that does nothing.
    #[cfg(test)]
    pub(crate) fn idle() -> Self {
        HostFacts {
            load_per_cpu: Some(0.0),
            cpu_pressure: Some(0.0),
            memory_pressure: Some(0.0),
            io_pressure: Some(0.0),
            free_memory: Some(100.0),
            free_disk: BTreeMap::from([("/".into(), Some(100.0))]),
        }
    }
}

/// loadavg: `0.52 0.41 0.30 1/345 6789`; stat has a line `cpuN ...` for each CPU that is online (proc(5)).
fn load_per_cpu(loadavg: Option<String>, stat: Option<String>) -> Option<f64> {
    let load: f64 = loadavg?.split_whitespace().next()?.parse().ok()?;
    let is_cpu = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let cpus = stat?.lines().filter(is_cpu).count();
    (cpus > 0 && load.is_finite() && load >= 0.0).then(|| load / cpus as f64)
}

/// meminfo: `MemAvailable:   123 kB` (proc(5)).
fn free_memory(text: &str) -> Option<f64> {
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    share(field("MemAvailable")?, field("MemTotal")?)
}

fn free_disk(root: &Path, disk: &Path) -> Option<f64> {
    let facts = statvfs(&root.join(disk.strip_prefix("/").unwrap_or(disk))).ok()?;
    share(facts.blocks_available(), facts.blocks())
}

/// A part in percent; `None` of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}
