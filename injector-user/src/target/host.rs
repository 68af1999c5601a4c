//! The directories that host facts are read from.

use super::CgroupRoot;
use crate::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Where to read about processes and cgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The process file system, `/proc`.
    pub proc: PathBuf,
    /// The root of the cgroup v2 hierarchy, `/sys/fs/cgroup` or `/sys/fs/cgroup/unified`.
    pub cgroup: PathBuf,
    /// The root of the file system, `/`: the state of container runtimes is below it.
    pub root: PathBuf,
}

impl Host {
    /// Finds them below `root`: `/` on a real host, a temporary tree in tests.
    pub fn detect(root: &Path) -> Result<Self, Error> {
        let proc = root.join("proc");
        let file = proc.join("self/mountinfo");
        let mounts = fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
        let point = CgroupRoot::find(&mounts)?;
        let cgroup = root.join(point.strip_prefix("/").unwrap_or(&point));
        Ok(Host { proc, cgroup, root: root.to_owned() })
    }
}

/// A host fact that can't be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let failed = Error::failed(format!("can't read {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => failed.hint("the daemon needs to be root"),
        _ => failed,
    }
}
