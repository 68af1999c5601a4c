//! A target's processes: descriptors against RLIMIT_NOFILE, and threads.

use std::{fs, path::Path};

use super::files;
use crate::{
    api::types::{GaugeDoc, PlaceDoc, Unit},
    target::{self, Host},
};

/// The process of a cgroup whose descriptors are nearest to their limit, the one with the most threads, and the sum of
/// both. `pids` are those that are in exactly this cgroup.
pub(super) fn add(host: &Host, pids: &[u32], place: &mut PlaceDoc) {
    let (mut fullest, mut most): (Option<GaugeDoc>, Option<GaugeDoc>) = (None, None);
    let mut wrong = None;
    for pid in pids {
        let directory = host.proc.join(pid.to_string());
        match descriptors(&directory) {
            Ok((used, limit)) => {
                let gauge = GaugeDoc::new("fds", used, limit, Unit::Count);
                if fullest.as_ref().is_none_or(|fullest| order(&gauge) > order(fullest)) {
                    fullest = Some(gauge.of(named(host, *pid)));
                }
            }
            // It may have ended since.
            Err(_) if !directory.exists() => continue,
            Err(why) => wrong = Some(why),
        }
        let status = files::read(&directory.join("status")).unwrap_or_default();
        if let Some(threads) = threads(&status)
            && most.as_ref().is_none_or(|most| threads > most.used)
        {
            most = Some(GaugeDoc::new("threads", threads, None, Unit::Count).of(named(host, *pid)));
        }
    }
    place.gauges.extend(fullest.into_iter().chain(most));
    if let Some(why) = wrong {
        place.lacks("fds", why);
    }
}

/// Without a limit it is behind all that have one.
fn order(gauge: &GaugeDoc) -> (f64, u64) {
    (gauge.percent.unwrap_or(-1.0), gauge.used)
}

/// `nginx (4711)`
fn named(host: &Host, pid: u32) -> String {
    format!("{} ({pid})", target::comm(host, pid).unwrap_or_default())
}

fn descriptors(process: &Path) -> Result<(u64, Option<u64>), String> {
    let folder = process.join("fd");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    // Since Linux 6.2 the size is the number; before, and in a tree that is none of the kernel's, they are counted.
    let kernels = process.starts_with("/proc");
    let size = fs::metadata(&folder).map_err(failed)?;
    use std::os::unix::fs::MetadataExt as _;
    let used = match size.size() {
        n if n > 0 && kernels => n,
        _ => fs::read_dir(&folder).map_err(failed)?.count() as u64,
    };
    let limits = files::read(&process.join("limits"))?;
    Ok((used, open_files(&limits).ok_or("limits has no `Max open files`")?))
}

/// `Max open files            1024                 524288               files`; the soft limit is what counts.
fn open_files(limits: &str) -> Option<Option<u64>> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

fn threads(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}
