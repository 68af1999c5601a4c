//! What is to be read, and whose it is.

use std::time::SystemTime;

use crate::{
    api::types::{PlaceDoc, PlaceKind},
    observe::{Busy, RawLags},
};

/// One cgroup that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its path.
    pub path: String,
    /// Its id.
    pub id: u64,
    /// The processes in exactly this one.
    pub pids: Vec<u32>,
}

/// A live fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFault {
    /// Its id.
    pub id: String,
    /// Since when.
    pub started: SystemTime,
    /// The topmost cgroups of its target.
    pub roots: Vec<String>,
}

impl SeenFault {
    /// Whether a place is of its target, or one that its target is in.
    pub fn has(&self, place: &PlaceDoc) -> bool {
        let ours = |path: &String| is_below(path, &self.roots);
        match place.kind {
            PlaceKind::Node => true,
            PlaceKind::Cgroup => ours(&place.name),
            PlaceKind::Namespace => place.members.iter().any(ours),
            PlaceKind::Listener | PlaceKind::Dependency => place.cgroup.as_ref().is_some_and(ours),
        }
    }
}

/// Whether a cgroup is one of these, or below one.
pub(super) fn is_below(path: &str, roots: &[String]) -> bool {
    let below = |root: &String| {
        path.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    roots.iter().any(below)
}

/// What is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The topmost cgroups.
    pub roots: Vec<String>,
    /// They and all below them.
    pub places: Vec<Place>,
    /// The faults that are live.
    pub faults: Vec<SeenFault>,
    /// How long requests and tasks waited, as the programs tell it at that moment.
    pub lags: RawLags,
    /// Connections that were busy on the average of the last 10 s, where that is known.
    pub busy: Busy,
}
