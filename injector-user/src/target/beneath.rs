//! Cgroups opened so that no name leads out of the hierarchy.
//!
//! A cgroup's path comes from a client and is opened by root. openat2(2) (Linux 5.6) resolves it from the root
//! of the hierarchy and refuses what a path on its own could reach: symbolic and magic links (ELOOP), `..`,
//! and whatever is mounted below the root, such as a v1 hierarchy, whose inodes are no cgroup ids (EXDEV).

use super::host::unreadable;
use crate::error::Error;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

/// The directory of the cgroup at `path`, opened for reading, below `root`, the root of the cgroup v2 hierarchy
/// ([`Host::cgroup`](super::Host::cgroup)). This is what a program is attached to.
///
/// # Errors
/// The cgroup is gone, or the path leads through a link, a mount or `..`.
pub fn open_cgroup(root: &Path, path: &str) -> Result<OwnedFd, Error> {
    let path = path.trim_start_matches('/');
    let opened = Root::open(root).and_then(|root| root.directory(Path::new(path)));
    opened.map(OwnedFd::from).map_err(|error| unreadable(&root.join(path), &error))
}

/// The root of a hierarchy, held open.
pub(super) struct Root(File);

impl Root {
    /// The mount point itself comes from mountinfo, not from a client.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        Ok(Self(OpenOptions::new().read(true).custom_flags(flags).open(root)?))
    }

    /// From a directory below it on: its own files are within reach as soon as it is.
    pub(super) fn below(directory: File) -> Self {
        Self(directory)
    }

    /// A directory below the root, or the root itself for the empty path.
    pub(super) fn directory(&self, path: &Path) -> io::Result<File> {
        self.at(path, OFlag::O_DIRECTORY)
    }

    /// A file below the root.
    pub(super) fn file(&self, path: &Path) -> io::Result<File> {
        self.at(path, OFlag::O_NONBLOCK)
    }

    fn at(&self, path: &Path, flags: OFlag) -> io::Result<File> {
        // `a/../b` stays below the root, and yet it is not the cgroup that its text was checked as.
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(io::Error::from_raw_os_error(libc::EXDEV));
        }
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | flags).resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
        Ok(openat2(&self.0, path, how)?.into())
    }
}

/// Is this what opening says of a cgroup that is not there, or no longer?
pub(super) fn gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV))
}

/// Is this what opening says of what is there and is not a cgroup of this hierarchy, or so deep that no path of 4,095 bytes
/// leads there (whoever may make cgroups can make such)?
pub(super) fn foreign(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EXDEV | libc::ENOTDIR | libc::ENAMETOOLONG))
}
