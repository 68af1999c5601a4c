//! The cgroup tree.

use super::Host;
use super::beneath::{Root, foreign, gone};
use super::host::unreadable;
use crate::error::Error;
use nix::dir::{Dir, Type};
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// One cgroup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cgroup {
    /// Its path below the root, `/a/b`; the root is `/`.
    pub path: String,
    /// The kernel's cgroup id: the inode of its directory.
    pub id: u64,
}

/// A cgroup's path without the slash in front: what is opened below the root.
fn relative(path: &str) -> &Path {
    Path::new(path.trim_start_matches('/'))
}

fn root(host: &Host) -> Result<Root, Error> {
    Root::open(&host.cgroup).map_err(|error| unreadable(&host.cgroup, &error))
}

/// Is there a cgroup at `path`?
pub(super) fn exists(host: &Host, path: &str) -> bool {
    Root::open(&host.cgroup).is_ok_and(|root| root.directory(relative(path)).is_ok())
}

/// The cgroup at `path` and all below it, parents first, siblings by name. Cgroups that vanish meanwhile are left out;
/// one that was never there is an error.
pub fn subtree(host: &Host, path: &str) -> Result<Vec<Cgroup>, Error> {
    let root = root(host)?;
    let mut found = Vec::new();
    let mut todo = vec![relative(path).to_owned()];
    while let Some(at) = todo.pop() {
        let opened = root.directory(&at).and_then(|file| Ok((file.metadata()?.ino(), names(file)?)));
        let (id, names) = match opened {
            Ok(facts) => facts,
            // The first one is the one that was asked for.
            Err(error) if !found.is_empty() && (gone(&error) || foreign(&error)) => continue,
            Err(error) => return Err(unreadable(&host.cgroup.join(&at), &error)),
        };
        found.push(Cgroup { path: format!("/{}", at.to_string_lossy()), id });
        todo.extend(names.iter().map(|name| at.join(name)));
    }
    found.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
    Ok(found)
}

/// The names of the cgroups just below `path`, ascending; none if it has vanished.
pub(super) fn children(host: &Host, path: &str) -> Result<Vec<String>, Error> {
    let path = relative(path);
    let mut found = match root(host)?.directory(path).and_then(names) {
        Ok(names) => names.iter().map(|name| name.to_string_lossy().into_owned()).collect(),
        Err(error) if gone(&error) => Vec::new(),
        Err(error) => return Err(unreadable(&host.cgroup.join(path), &error)),
    };
    found.sort();
    Ok(found)
}

/// The directories in a directory. Symbolic links are none.
fn names(directory: File) -> io::Result<Vec<OsString>> {
    let mut found = Vec::new();
    for entry in Dir::from_fd(directory.into())? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        // A file system that does not say the type is asked by opening.
        if matches!(entry.file_type(), Some(Type::Directory) | None) && name != b"." && name != b".." {
            found.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(found)
}

/// The ids of the processes in exactly this cgroup, ascending. Empty for a threaded cgroup (its processes are
/// listed in its domain) and for one that has vanished; processes outside our pid namespace (0) are left out.
pub fn pids(host: &Host, path: &str) -> Result<Vec<u32>, Error> {
    let directory = relative(path);
    let mut text = String::new();
    let opened = root(host)?.directory(directory).map(Root::below);
    let opened = opened.and_then(|directory| directory.file(Path::new("cgroup.procs")));
    match opened.and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if gone(&error) || error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&host.cgroup.join(directory).join("cgroup.procs"), &error)),
    }
    let mut pids: Vec<u32> =
        text.lines().filter_map(|line| line.trim().parse().ok()).filter(|pid| *pid != 0).collect();
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}
