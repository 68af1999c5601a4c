//! Which sockets processes hold. /proc has a link for every descriptor: who has many of them is not looked at, since
//! the engine waits meanwhile.

use std::{collections::BTreeSet, fs, path::Path};

use crate::session::planning::socket_inode;

/// The most processes of one look.
const MOST_PROCESSES: usize = 200;
/// The most descriptors of one look.
const MOST_DESCRIPTORS: usize = 10_000;

/// Inodes of the sockets that these processes hold; `None` if looking takes too long.
pub(super) fn held(proc: &Path, pids: &[u32]) -> Option<BTreeSet<u64>> {
    within(proc, pids, MOST_PROCESSES, MOST_DESCRIPTORS)
}

fn within(proc: &Path, pids: &[u32], processes: usize, descriptors: usize) -> Option<BTreeSet<u64>> {
    if pids.len() > processes {
        return None;
    }
    let (mut inodes, mut left) = (BTreeSet::new(), descriptors);
    for pid in pids {
        // A process may be gone.
        let Ok(entries) = fs::read_dir(proc.join(format!("{pid}/fd"))) else { continue };
        for entry in entries.flatten() {
            left = left.checked_sub(1)?;
            inodes.extend(socket_inode(&entry.path()));
        }
    }
    Some(inodes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_look_is_bounded() {
        let proc = tempfile::tempdir().unwrap();
        for pid in [1, 2] {
            let fds = proc.path().join(format!("{pid}/fd"));
            fs::create_dir_all(&fds).unwrap();
            symlink("/dev/null", fds.join("0")).unwrap();
            symlink(format!("socket:[7{pid}]"), fds.join("3")).unwrap();
        }
        let look = |processes, descriptors| within(proc.path(), &[1, 2, 3], processes, descriptors);
        assert_eq!(look(3, 4), Some([71, 72].into()), "the third one is gone");
        assert_eq!(look(2, 4), None);
        assert_eq!(look(3, 3), None);
        let many: Vec<u32> = (0..=200).collect();
        assert_eq!((held(proc.path(), &many), held(proc.path(), &many[1..]).is_some()), (None, true));
    }
}
