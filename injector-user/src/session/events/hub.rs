//! The last events, and those who watch for the next ones.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast;

use crate::{
    api::types::{EventDoc, EventsDoc, EventsLostDoc},
    kernel::ktime,
};

/// So many are kept.
const KEPT: usize = 256;
/// So many faults of one slot are remembered, the last ones: of older ones nothing is left to read, unless the reader
/// stood still.
const FAULTS: usize = 2;
/// So many a watcher may be behind; then the oldest are lost to it.
const BEHIND: usize = 2048;

/// See the module.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<State>,
    watchers: broadcast::Sender<Arc<EventDoc>>,
}

#[derive(Debug, Default)]
struct State {
    last: VecDeque<Arc<EventDoc>>,
    lost: EventsLostDoc,
    /// The faults that have been in the slots last, and since when, by `ktime`.
    faults: BTreeMap<u32, VecDeque<(Duration, String)>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { state: Mutex::default(), watchers: broadcast::Sender::new(BEHIND) }
    }
}

impl Hub {
    /// From now on what happens by this slot is this fault's: to be said before the first call can fail.
    pub fn armed(&self, slot: u32, fault: &str) {
        self.armed_at(slot, fault, ktime());
    }

    fn armed_at(&self, slot: u32, fault: &str, since: Duration) {
        let mut state = self.state();
        let faults = state.faults.entry(slot).or_default();
        faults.truncate(FAULTS - 1);
        faults.push_front((since, fault.to_owned()));
    }

    /// Whose slot it was at this time (`ktime`): what happened is read later, when it may be another one's.
    pub(super) fn fault(&self, slot: u32, at: Duration) -> Option<String> {
        let state = self.state();
        let mut faults = state.faults.get(&slot)?.iter();
        faults.find(|(since, _)| *since <= at).map(|(_, fault)| fault.clone())
    }

    /// An event has come.
    pub fn tell(&self, event: EventDoc) {
        let event = Arc::new(event);
        let mut state = self.state();
        if state.last.len() >= KEPT {
            state.last.pop_front();
        }
        state.last.push_back(event.clone());
        // Nobody watches: that is fine.
        let _nobody = self.watchers.send(event);
    }

    /// What the kernel did not tell, in all.
    pub fn lose(&self, left_out: u64, ring_full: u64) {
        self.state().lost = EventsLostDoc { left_out, ring_full, lagged: 0 };
    }

    /// The last ones.
    pub fn last(&self) -> EventsDoc {
        let state = self.state();
        EventsDoc {
            events: state.last.iter().map(|event| EventDoc::clone(event)).collect(),
            lost: state.lost,
        }
    }

    /// What was lost, but for what a watcher loses by itself.
    pub fn lost(&self) -> EventsLostDoc {
        self.state().lost
    }

    /// Those that come from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<EventDoc>> {
        self.watchers.subscribe()
    }

    /// What is behind the lock is whole at every moment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast::error::TryRecvError;

    #[test]
    fn the_last_are_kept_and_a_slow_watcher_is_told_what_it_lost() {
        let hub = Hub::default();
        let mut watcher = hub.watch();
        for pid in 0..3000 {
            hub.tell(EventDoc { pid, ..EventDoc::default() });
        }
        hub.lose(7, 1);
        let last = hub.last();
        assert_eq!((last.events.len(), last.events[0].pid, last.lost.all()), (KEPT, 3000 - KEPT as u32, 8));
        assert_eq!(watcher.try_recv(), Err(TryRecvError::Lagged(3000 - BEHIND as u64)));
        assert_eq!(watcher.try_recv().unwrap().pid, 3000 - BEHIND as u32);
    }

    #[test]
    fn an_event_is_that_of_the_fault_which_had_the_slot_then() {
        let (hub, ms) = (Hub::default(), Duration::from_millis);
        for (fault, since) in [("fail-1", 10), ("fail-2", 20), ("fail-3", 30)] {
            hub.armed_at(3, fault, ms(since));
        }
        let of = |slot, at| hub.fault(slot, ms(at));
        assert_eq!((of(3, 29).as_deref(), of(3, 30).as_deref()), (Some("fail-2"), Some("fail-3")));
        assert_eq!((of(3, 19), of(4, 30)), (None, None));
        hub.armed(4, "fail-4");
        assert_eq!(hub.fault(4, ktime()).as_deref(), Some("fail-4"), "by the same clock");
    }
}
