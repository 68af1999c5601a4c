//! Network namespaces: found, held open, and entered on a thread of their own.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CloneFlags, setns};

/// The calling thread's own namespace. `/proc/self` would be the main thread's.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace, held open by a descriptor: it can't vanish, nor its inode be reused, while this lives.
///
/// Two values are equal if they are the same namespace. Cloning shares the descriptor.
#[derive(Debug, Clone)]
pub struct Netns {
    fd: Arc<OwnedFd>,
    inode: u64,
}

impl PartialEq for Netns {
    fn eq(&self, other: &Self) -> bool {
        self.inode == other.inode
    }
}

impl Eq for Netns {}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Netns {
    /// The namespace of the calling thread.
    pub fn current() -> Result<Self> {
        Self::open(OWN)
    }

    /// The namespace of the process `pid` (of its main thread).
    ///
    /// # Errors
    /// ENOENT or ESRCH if the process is gone, EACCES without CAP_SYS_PTRACE over it.
    pub fn of_pid(pid: u32) -> Result<Self> {
        Self::open(format!("/proc/{pid}/ns/net"))
    }

    /// The namespace that `path` names: `/proc/<pid>/ns/net` or a bind mount such as `/run/netns/<name>`.
    ///
    /// # Errors
    /// What open(2) says, or that the file isn't a network namespace (a plain file left in /run/netns).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let asked = || format!("open network namespace {}", path.display());
        let file = File::open(path).with_context(asked)?;
        // NS_GET_NSTYPE (linux/nsfs.h) tells a network namespace from every other file: setns would do so only later.
        nix::ioctl_none_bad!(ns_get_nstype, 0xb703);
        use std::os::fd::AsRawFd;
        // SAFETY: the ioctl takes no argument and the descriptor is open.
        match unsafe { ns_get_nstype(file.as_raw_fd()) } {
            Ok(libc::CLONE_NEWNET) => {}
            _ => bail!("{}: not a network namespace", asked()),
        }
        let inode = file.metadata().with_context(asked)?.ino();
        Ok(Self { fd: Arc::new(file.into()), inode })
    }

    /// The inode in nsfs: the `n` of `net:[n]` that readlink of `/proc/<pid>/ns/net` shows.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Runs `f` on a fresh thread inside this namespace and returns what it returned. The caller's thread stays where
    /// it is. Sockets opened by `f` and child processes started by it belong to this namespace.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN if the namespace isn't the caller's own, whatever `f` returns, or that it panicked.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let inside = || {
            // A new thread starts in its creator's namespace: without this test every unprivileged read would fail.
            if Self::current()?.inode != self.inode {
                setns(self, CloneFlags::CLONE_NEWNET)
                    .with_context(|| format!("enter network namespace net:[{}]", self.inode))?;
            }
            f()
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("netns".into());
            let handle =
                thread.spawn_scoped(scope, inside).context("start a thread for a network namespace")?;
            handle.join().map_err(|_| anyhow!("the thread in net:[{}] panicked", self.inode))?
        })
    }
}

/// Every network namespace that can be found, once each: of every process, of every namespace mount in our mount
/// namespace (`ip netns`, CNI, Docker, podman all use such mounts) and in /run/netns. What vanishes or can't be opened
/// meanwhile is left out. A namespace that only a thread or an open descriptor of somebody else holds isn't found: see
/// [`every_netns`].
pub fn all_netns() -> Vec<Netns> {
    collect(process_paths().into_iter().chain(mount_paths()).chain(entries("/run/netns")))
}

/// [`all_netns`], and those that only an open descriptor holds. Looks at every descriptor of every process: a tenth of
/// a second on a large host, so it is for a sweep and not for every look.
pub fn every_netns() -> Vec<Netns> {
    let held = process_folders().into_iter().flat_map(|folder| entries(folder.join("fd")));
    let is_netns = |path: &PathBuf| {
        std::fs::read_link(path).is_ok_and(|link| link.as_os_str().as_encoded_bytes().starts_with(b"net:["))
    };
    let known = process_paths().into_iter().chain(mount_paths()).chain(entries("/run/netns"));
    collect(known.chain(held.filter(is_netns)))
}

fn collect(paths: impl Iterator<Item = PathBuf>) -> Vec<Netns> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for path in paths {
        // readlink is far cheaper than open, and most processes share one namespace.
        let link = std::fs::read_link(&path).ok();
        if link.as_ref().is_some_and(|link| seen.contains(link)) {
            continue;
        }
        let Ok(ns) = Netns::open(&path) else { continue };
        if seen.insert(PathBuf::from(format!("net:[{}]", ns.inode))) {
            found.push(ns);
        }
    }
    found
}

fn entries(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn process_paths() -> Vec<PathBuf> {
    process_folders().into_iter().map(|folder| folder.join("ns/net")).collect()
}

fn process_folders() -> Vec<PathBuf> {
    let numeric = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<u32>().is_ok())
    };
    entries("/proc").into_iter().filter(numeric).collect()
}

fn mount_paths() -> Vec<PathBuf> {
    let text = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    text.lines().filter_map(namespace_mount).collect()
}

/// The mount point of a mountinfo line whose root is `net:[...]` (proc(5): fields 4 and 5).
fn namespace_mount(line: &str) -> Option<PathBuf> {
    let mut fields = line.split(' ').skip(3);
    // A mount point with a blank in it is escaped there (\040) and not worth decoding: nobody names a namespace so.
    fields.next().filter(|root| root.starts_with("net:["))?;
    fields.next().map(PathBuf::from)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn finds_namespace_mounts() {
        let line = "85 27 0:4 net:[4026532241] /run/netns/blue rw shared:5 - nsfs nsfs rw";
        assert_eq!(namespace_mount(line), Some(PathBuf::from("/run/netns/blue")));
        assert_eq!(namespace_mount("22 27 0:20 / /sys rw shared:7 - sysfs sysfs rw"), None);
        assert_eq!(namespace_mount(""), None);
    }

    #[test]
    fn a_plain_file_is_no_namespace() {
        assert!(Netns::open("/proc/self/status").is_err());
        assert!(Netns::open("/proc/self/ns/mnt").is_err());
        assert!(Netns::current().is_ok());
    }
}
