//! The programs that run in a cgroup, by the names that the kernel has for their processes.

use super::{Host, comm, pids};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Processes that were counted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Programs {
    /// Names with the number of processes, the most first.
    pub names: Vec<(String, u64)>,
    /// Processes whose names were not read: there was no room for them.
    pub unread: u64,
}

impl Programs {
    /// How many processes were read for it.
    pub fn read(&self) -> usize {
        self.names.iter().map(|(_, processes)| *processes as usize).sum()
    }
}

/// Those in exactly this cgroup; of at most `most` processes names are read.
pub fn programs(host: &Host, path: &str, most: usize) -> Programs {
    let pids = pids(host, path).unwrap_or_default();
    let (read, unread) = pids.split_at(pids.len().min(most));
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for name in read.iter().filter_map(|pid| comm(host, *pid)).filter(|name| !name.is_empty()) {
        *counts.entry(name).or_default() += 1;
    }
    let mut names: Vec<_> = counts.into_iter().collect();
    names.sort_by_key(|(_, processes)| Reverse(*processes));
    Programs { names, unread: unread.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::super::testhost::TestHost;
    use super::*;

    #[test]
    fn processes_are_counted_by_name_as_far_as_there_is_room() {
        let host = TestHost::new();
        for (pid, name) in [(10, "worker"), (11, "nginx"), (12, "nginx"), (13, "last")] {
            host.process(pid, name, "/web");
        }
        host.process(20, "deeper", "/web/sub");
        let named = |names: &[(&str, u64)]| -> Vec<_> {
            names.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
        };
        let all = programs(&host.host, "/web", 100);
        assert_eq!((all.read(), all.unread), (4, 0));
        assert_eq!(all.names, named(&[("nginx", 2), ("last", 1), ("worker", 1)]));
        let some = programs(&host.host, "/web", 3);
        assert_eq!((some.names, some.unread), (named(&[("nginx", 2), ("worker", 1)]), 1));
        assert_eq!(programs(&host.host, "/gone", 9), Programs::default());
    }
}
