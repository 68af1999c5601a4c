//! Removes from this host what dead instances left in the kernel: filters and devices, in every namespace.
//! Links need no sweep: they went with their descriptors.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use super::{instance, journal};
use crate::{
    api::types::CleanDoc,
    kernel::net::{self, Rtnl, every_netns},
};

/// How long packets that a dead daemon's device holds are waited for: the longest delay there is, and more.
pub const DRAIN: Duration = Duration::from_secs(3);

/// Whose leftovers are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of instances that are dead.
    Dead,
    /// Those of all instances: only after everything was halted.
    All,
    /// Those of one instance, if it is dead.
    One(u32),
}

impl Whose {
    fn accepts(self, tag: &str) -> bool {
        match self {
            Self::All => true,
            Self::Dead => instance::is_dead(tag),
            Self::One(id) => tag == format!("{id:08x}") && instance::is_dead(tag),
        }
    }
}

/// Sweeps every network namespace that can be found, and says what is left.
pub fn sweep(whose: Whose, run_dir: &Path) -> CleanDoc {
    let begun = Instant::now();
    let mut doc = CleanDoc::default();
    let made: BTreeSet<(u64, u32)> = journal::left(run_dir).clsact.into_iter().collect();
    for ns in every_netns() {
        match net::sweep(&ns, &|tag| whose.accepts(tag), DRAIN) {
            Ok(swept) => {
                doc.removed.extend(swept.removed.iter().map(describe));
                doc.left.extend(swept.errors.iter().map(|error| format!("{error:#}")));
            }
            Err(error) => doc.left.push(format!("netns {}: {error:#}", ns.inode())),
        }
        for (_, index) in made.iter().filter(|(netns, _)| *netns == ns.inode()) {
            // Gone, or somebody else's filters are on it: both are fine.
            if let Ok(mut rtnl) = Rtnl::open(&ns)
                && rtnl.del_clsact_if_empty(*index).unwrap_or(false)
            {
                doc.removed.push(format!("clsact qdisc on interface {index} of netns {}", ns.inode()));
            }
        }
        match net::inventory(&ns) {
            Ok(left) => {
                doc.left.extend(left.iter().filter(|item| whose.accepts(&item.instance)).map(describe));
            }
            Err(error) => doc.left.push(format!("netns {}: {error:#}", ns.inode())),
        }
    }
    doc.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    doc
}

fn describe(item: &net::Leftover) -> String {
    format!("{} on {} in netns {}", item.tag, item.link, item.netns)
}
