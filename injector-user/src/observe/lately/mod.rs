//! Latencies of the last seconds: what came since somebody looked before. A median since observing began would not
//! move for minutes after a fault is armed.

mod busy;
mod cells;
mod doc;
mod shown;
mod sums;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

pub use busy::Busy;
use cells::Cells;
pub use doc::tell;
use injector_ebpf::{dep::KINDS, flow::DepKey, hist::BUCKETS};
pub use shown::Recently;
pub use sums::sums;

/// The window is so long, or up to a step longer.
pub const WINDOW: Duration = Duration::from_secs(10);
/// What came is kept in steps of so long, or of the time between two looks.
const STEP: Duration = Duration::from_secs(2);
/// After so long without a look it begins anew: what came meanwhile is not of the last seconds.
const GAP: Duration = Duration::from_secs(15);
/// Less is no window: two readers may look at once.
const LEAST: Duration = Duration::from_millis(500);
/// Counts of 8 bytes that are kept of the last look, and once more of the window.
const MOST_CELLS: usize = 500_000;

/// The round trips of a dependency, beside the kinds of the kernel's `Times`.
pub const RTT: u32 = KINDS;

/// Whose histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A dependency's, and of which kind.
    Dependency(DepKey, u32),
    /// An open flow's, by its cookie.
    Flow(u64),
}

/// A histogram, and the exchanges beside it that overlapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    cells: Cells,
    overlaps: u64,
}

impl Sum {
    fn since(&self, before: &Self) -> Self {
        Self {
            cells: self.cells.since(&before.cells),
            overlaps: self.overlaps.saturating_sub(before.overlaps),
        }
    }

    /// Itself, and `before` where that was more.
    fn or(self, before: &Self) -> Self {
        Self { cells: self.cells.or(&before.cells), overlaps: self.overlaps.max(before.overlaps) }
    }

    fn is_nothing(&self) -> bool {
        self.cells.len() == 0 && self.overlaps == 0
    }
}

/// A histogram as of the last step.
#[derive(Debug)]
struct Known {
    /// `None`: there was no room for it.
    sum: Option<Sum>,
    /// It was not there when last looked: a flow that ends while all is read is missing once.
    absent: bool,
}

type Came = HashMap<Key, Sum>;

/// See the module. Only who looks feeds it: nothing is read for it.
#[derive(Debug, Default)]
pub struct Lately {
    /// When the last step ended.
    at: Option<Instant>,
    /// When somebody last looked.
    looked: Option<Instant>,
    known: HashMap<Key, Known>,
    /// Steps, the oldest first: when each began, and what came in it.
    steps: VecDeque<(Instant, Came)>,
    /// What came since the last step.
    fresh: Came,
    span: Option<Duration>,
}

impl Lately {
    /// Takes a look.
    pub fn look(&mut self, now: Instant, sums: HashMap<Key, Sum>) {
        let Some(at) = self.at.filter(|at| now.duration_since(*at) <= GAP) else {
            *self = Self { at: Some(now), looked: Some(now), ..Self::default() };
            self.keep(sums);
            return;
        };
        self.looked = Some(now);
        self.fresh = self.came(&sums);
        if now.duration_since(at) >= STEP {
            self.steps.push_back((at, std::mem::take(&mut self.fresh)));
            self.forget(now);
            self.at = Some(now);
            self.keep(sums);
        }
        let begin = self.steps.front().map_or(at, |(begin, _)| *begin);
        self.span = Some(now.duration_since(begin)).filter(|span| *span >= LEAST);
    }

    /// Nobody looks any more: then there is nothing to keep.
    pub fn idle(&mut self, now: Instant) {
        if self.at.is_some_and(|at| now.duration_since(at) > GAP) {
            *self = Self::default();
        }
    }

    /// Steps that the window does not need, or that there is no room for.
    fn forget(&mut self, now: Instant) {
        let count = |came: &Came| came.values().map(|sum| sum.cells.len()).sum::<usize>();
        let mut cells: usize = self.steps.iter().map(|(_, came)| count(came)).sum();
        while let Some((begin, _)) = self.steps.get(1)
            && (now.duration_since(*begin) >= WINDOW || cells > MOST_CELLS)
        {
            cells -= self.steps.pop_front().map_or(0, |(_, came)| count(&came));
        }
    }

    fn came(&self, sums: &HashMap<Key, Sum>) -> Came {
        let none = Sum::default();
        let since = |(key, sum): (&Key, &Sum)| {
            let came = match self.known.get(key) {
                Some(known) => sum.since(known.sum.as_ref()?),
                // It began since.
                None => sum.since(&none),
            };
            (!came.is_nothing()).then_some((*key, came))
        };
        sums.iter().filter_map(since).collect()
    }

    /// What there is, as what the next look is compared with. Dependencies have their room before flows.
    fn keep(&mut self, sums: HashMap<Key, Sum>) {
        let mut before = std::mem::take(&mut self.known);
        let (deps, flows): (Vec<_>, Vec<_>) =
            sums.into_iter().partition(|(key, _)| matches!(key, Key::Dependency(..)));
        let mut room = MOST_CELLS;
        let mut put = |known: &mut HashMap<Key, Known>, key: Key, sum: Option<Sum>, absent: bool| {
            let sum = sum.filter(|sum| sum.cells.len() <= room);
            room -= sum.as_ref().map_or(0, |sum| sum.cells.len());
            known.insert(key, Known { sum, absent });
        };
        for (key, sum) in deps.into_iter().chain(flows) {
            let sum = match before.remove(&key).and_then(|known| known.sum) {
                Some(before) => sum.or(&before),
                None => sum,
            };
            put(&mut self.known, key, Some(sum), false);
        }
        for (key, known) in before.into_iter().filter(|(_, known)| !known.absent) {
            put(&mut self.known, key, known.sum, true);
        }
    }

    /// What came of it in the window; `None`: it is not known, or there was no room for it.
    pub fn of(&self, key: &Key) -> Option<([u32; BUCKETS], u64)> {
        self.known.get(key).map_or(Some(()), |known| known.sum.as_ref().map(|_| ()))?;
        let (mut buckets, mut overlaps) = ([0; BUCKETS], 0_u64);
        for came in self.steps.iter().map(|(_, came)| came).chain([&self.fresh]) {
            if let Some(sum) = came.get(key) {
                sum.cells.add_to(&mut buckets);
                overlaps = overlaps.saturating_add(sum.overlaps);
            }
        }
        Some((buckets, overlaps))
    }

    /// All that anything is known of.
    pub fn dependencies(&self) -> impl Iterator<Item = &DepKey> {
        let key = |key| match key {
            &Key::Dependency(ref dep, RTT) => Some(dep),
            _ => None,
        };
        self.known.keys().filter_map(key)
    }

    /// How long the window is; `None`: nobody looked shortly before.
    pub fn span(&self) -> Option<Duration> {
        self.span
    }

    /// Histograms without room.
    pub fn without_room(&self) -> usize {
        self.known.values().filter(|known| known.sum.is_none()).count()
    }
}
