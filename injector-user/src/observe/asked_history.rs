//! What the watched cgroups asked of their dependencies in the last minute.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{
    Snapshot,
    amplification::{AskedOf, Asking, asked_of},
    failures::{Tried, TriedBy, tried_by},
};
use crate::api::types::FailuresDoc;

/// Two looks are kept; the older one is half a minute to a minute old, as in [`super::History`].
const GENERATION: Duration = Duration::from_secs(30);
/// Whoever was watched for a shorter time is not known.
const LEAST: Duration = Duration::from_secs(5);

/// A look at all dependencies.
#[derive(Debug)]
struct Look {
    at: Instant,
    watched: HashSet<u64>,
    asked: AskedOf,
    tried: TriedBy,
}

/// See the module.
#[derive(Debug, Default)]
pub struct AskedHistory {
    old: Option<Look>,
    young: Option<Look>,
    /// Who was watched when somebody last asked whether a look is due.
    roots: Vec<String>,
}

impl AskedHistory {
    /// Whether a look is due: the last one is old, or others are watched than then.
    pub fn is_due(&mut self, now: Instant, roots: &[String]) -> bool {
        if roots.is_empty() {
            *self = Self::default();
            return false;
        }
        let others = self.roots != roots;
        if others {
            roots.clone_into(&mut self.roots);
        }
        others || self.young.as_ref().is_none_or(|look| now.duration_since(look.at) >= GENERATION)
    }

    /// Takes a look.
    pub fn look(&mut self, now: Instant, snapshot: &Snapshot) {
        let watched: HashSet<u64> = snapshot.watched.iter().copied().collect();
        let asked = asked_of(snapshot, |id| watched.contains(&id));
        let look = Look { at: now, asked, tried: tried_by(snapshot), watched };
        let young = self.young.replace(look);
        // One that is early because others are watched does not make the window shorter.
        if young
            .as_ref()
            .is_some_and(|young| self.old.is_none() || now.duration_since(young.at) >= GENERATION)
        {
            self.old = young;
        }
    }

    /// What these cgroups asked since the oldest look at which all of them were watched; `None`: there is none, or it is
    /// less than 5 s old.
    pub fn window(&self, now: Instant, snapshot: &Snapshot, ids: &[u64]) -> Option<Asking> {
        let look = self.begin(now, ids)?;
        let to = asked_of(snapshot, |id| ids.contains(&id));
        Some(Asking::between(&look.asked, &to, now.duration_since(look.at)))
    }

    /// What failed of what they tried in the same window.
    pub fn failures(&self, now: Instant, snapshot: &Snapshot, ids: &[u64]) -> Option<FailuresDoc> {
        let look = self.begin(now, ids)?;
        Some(Tried::of(&tried_by(snapshot), ids).since(&Tried::of(&look.tried, ids)))
    }

    /// All looks are so much older.
    #[cfg(test)]
    pub fn age(&mut self, by: Duration) {
        for look in [&mut self.old, &mut self.young].into_iter().flatten() {
            look.at = look.at.checked_sub(by).unwrap_or(look.at);
        }
    }

    fn begin(&self, now: Instant, ids: &[u64]) -> Option<&Look> {
        let knows = |look: &&Look| ids.iter().all(|id| look.watched.contains(id));
        let look = [&self.old, &self.young].into_iter().flatten().find(knows)?;
        (now.duration_since(look.at) >= LEAST && !ids.is_empty()).then_some(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::{flow, snapshot};

    fn look(segments: u32, watched: &[u64]) -> Snapshot {
        Snapshot { watched: watched.to_vec(), ..snapshot(vec![flow(7, 40_000, 2, 80, segments)], Vec::new()) }
    }

    fn segments(asking: Option<Asking>) -> Option<u64> {
        asking.map(|asking| asking.asked.values().map(|asked| asked.segments).sum())
    }

    #[test]
    fn a_window_begins_where_the_cgroup_was_watched() {
        let (mut history, begin) = (AskedHistory::default(), Instant::now());
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let (one, two) = (["/a".to_owned()], ["/a".to_owned(), "/b".to_owned()]);
        assert!(history.is_due(at(0), &one));
        history.look(at(0), &look(10, &[8]));
        assert!(!history.is_due(at(1), &one));
        assert_eq!(segments(history.window(at(9), &look(50, &[8]), &[7])), None, "7 was not watched");
        assert!(history.is_due(at(10), &two), "somebody else is watched");
        history.look(at(10), &look(50, &[7, 8]));
        assert_eq!(segments(history.window(at(12), &look(60, &[7, 8]), &[7])), None, "for 2 s only");
        assert_eq!(segments(history.window(at(16), &look(80, &[7, 8]), &[7])), Some(30));
        assert!(!history.is_due(at(39), &two) && history.is_due(at(40), &two));
        history.look(at(40), &look(90, &[7, 8]));
        history.look(at(70), &look(95, &[7, 8]));
        let window = history.window(at(75), &look(97, &[7, 8]), &[7]).unwrap();
        assert_eq!((window.span, segments(Some(window))), (Duration::from_secs(35), Some(7)));
        assert!(!history.is_due(at(80), &[]), "nobody is watched");
        assert_eq!(segments(history.window(at(90), &look(99, &[7, 8]), &[7])), None);
    }
}
