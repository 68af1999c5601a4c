//! Where the cgroup v2 hierarchy is mounted.

use crate::error::Error;
use std::path::PathBuf;

/// Finds the root of the cgroup v2 hierarchy (DECISIONS.md 10).
#[derive(Debug)]
pub struct CgroupRoot;

impl CgroupRoot {
    /// The mount point of cgroup2 in the text of /proc/self/mountinfo (proc_pid_mountinfo(5)): `/sys/fs/cgroup`,
    /// or `/sys/fs/cgroup/unified` on hybrid hosts. A mount of the hierarchy's own root is preferred.
    pub fn find(mountinfo: &str) -> Result<PathBuf, Error> {
        let mounts: Vec<(&str, &str)> = mountinfo.lines().filter_map(cgroup2).collect();
        let whole = mounts.iter().find(|(root, _)| *root == "/");
        match whole.or(mounts.first()) {
            Some((_, point)) => Ok(PathBuf::from(unescape(point))),
            None => Err(Error::failed("cgroup v2 is not mounted")
                .hint("mount it: mount -t cgroup2 none /sys/fs/cgroup/unified (systemd does so by itself)")),
        }
    }
}

/// Root and mount point of a line `36 35 98:0 ROOT POINT options [optional...] - cgroup2 source super`.
fn cgroup2(line: &str) -> Option<(&str, &str)> {
    let (mount, file_system) = line.split_once(" - ")?;
    if file_system.split(' ').next() != Some("cgroup2") {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    Some((fields.next()?, fields.next()?))
}

/// Undoes the kernel's octal escapes of blank, tab, newline and backslash.
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const V1: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                      32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n";

    #[test]
    fn unified_and_hybrid() {
        let unified = "25 30 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(CgroupRoot::find(unified).unwrap(), PathBuf::from("/sys/fs/cgroup"));
        let hybrid = format!("{V1}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        assert_eq!(CgroupRoot::find(&hybrid).unwrap(), PathBuf::from("/sys/fs/cgroup/unified"));
    }

    #[test]
    fn the_whole_hierarchy_is_preferred() {
        let text = "41 31 0:38 /app /mnt/app rw - cgroup2 cgroup2 rw\n\
                    42 31 0:38 / /mnt/all\\040of\\040it rw - cgroup2 cgroup2 rw\n";
        assert_eq!(CgroupRoot::find(text).unwrap(), PathBuf::from("/mnt/all of it"));
    }

    #[test]
    fn none_is_an_error_that_says_how() {
        let error = CgroupRoot::find(V1).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().starts_with("cgroup v2 is not mounted (mount it: "), "{error}");
    }
}
