//! The cgroup tree.

use super::Host;
use super::host::unreadable;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One cgroup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cgroup {
    /// Its path below the root, `/a/b`; the root is `/`.
    pub path: String,
    /// The kernel's cgroup id: the inode of its directory.
    pub id: u64,
}

/// The directory of a cgroup.
pub(super) fn directory(host: &Host, path: &str) -> PathBuf {
    host.cgroup.join(path.trim_start_matches('/'))
}

/// The cgroup at `path` and all below it, parents first, siblings by name. Cgroups that vanish meanwhile are left out;
/// one that was never there is an error.
pub fn subtree(host: &Host, path: &str) -> Result<Vec<Cgroup>, Error> {
    let top = directory(host, path);
    let facts = fs::metadata(&top).map_err(|error| unreadable(&top, &error))?;
    let path = if path.is_empty() { "/" } else { path };
    let mut found = vec![Cgroup { path: path.to_owned(), id: facts.ino() }];
    let mut todo = vec![(path.to_owned(), top)];
    while let Some((path, directory)) = todo.pop() {
        for (name, child) in children(&directory)? {
            let Ok(facts) = fs::symlink_metadata(&child) else { continue };
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            found.push(Cgroup { path: path.clone(), id: facts.ino() });
            todo.push((path, child));
        }
    }
    found.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
    Ok(found)
}

/// The directories in a directory, by name; none if it has vanished. Symbolic links are not followed.
pub(super) fn children(directory: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let mut found: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    found.sort();
    Ok(found)
}

/// The ids of the processes in exactly this cgroup, ascending. Empty for a threaded cgroup (its processes are
/// listed in its domain) and for one that has vanished; processes outside our pid namespace (0) are left out.
pub fn pids(host: &Host, path: &str) -> Result<Vec<u32>, Error> {
    let file = directory(host, path).join("cgroup.procs");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if gone(&error) || error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&file, &error)),
    };
    let mut pids: Vec<u32> =
        text.lines().filter_map(|line| line.trim().parse().ok()).filter(|pid| *pid != 0).collect();
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

fn gone(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}
