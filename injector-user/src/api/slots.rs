//! Who may have how many connections.
//!
//! Beyond the caps a new connection is closed at once, unless an idle one of the same user can make room for it:
//! somebody's forgotten connections do not keep him from a halt.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::sync::Notify;

use super::caps::Caps;

/// All connections that are open.
#[derive(Debug)]
pub(super) struct Slots {
    caps: Caps,
    open: Mutex<Vec<Arc<Open>>>,
}

#[derive(Debug)]
struct Open {
    uid: u32,
    /// Requests that are not answered to their end.
    busy: AtomicUsize,
    idle_since: Mutex<Instant>,
    leave: Notify,
}

/// The right to have a connection.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    open: Arc<Open>,
}

/// A request that is not answered to its end.
#[derive(Debug)]
pub(super) struct Busy(Arc<Open>);

impl Slots {
    /// None is open yet.
    pub(super) fn new(caps: Caps) -> Arc<Self> {
        Arc::new(Self { caps, open: Mutex::default() })
    }

    /// A slot for a user, or `None`: close the connection.
    pub(super) fn take(self: &Arc<Self>, uid: u32) -> Option<Slot> {
        let now = Instant::now();
        let mut open = lock(&self.open);
        let caps = &self.caps;
        let count = |which: &dyn Fn(&Open) -> bool| open.iter().filter(|open| which(open)).count();
        let own = |open: &Open| open.uid == uid;
        // Who has to make room, if anybody must.
        let full = if uid == 0 {
            count(&|_| true) >= caps.connections
        } else {
            count(&own) >= caps.per_uid || count(&|open| open.uid != 0) >= caps.connections - caps.for_root
        };
        if full {
            let mut idle: Vec<(Instant, usize)> = Vec::new();
            for (index, open) in open.iter().enumerate().filter(|(_, open)| own(open)) {
                let since = *lock(&open.idle_since);
                if open.busy.load(Ordering::SeqCst) == 0 && now.duration_since(since) >= caps.idle {
                    idle.push((since, index));
                }
            }
            let (_, index) = idle.into_iter().min()?;
            open.swap_remove(index).leave.notify_one();
        }
        let new = Open { uid, busy: AtomicUsize::new(0), idle_since: Mutex::new(now), leave: Notify::new() };
        let new = Arc::new(new);
        open.push(new.clone());
        Some(Slot { slots: self.clone(), open: new })
    }
}

impl Slot {
    /// A request has come; it is over when the value is dropped.
    pub(super) fn request(&self) -> Busy {
        self.open.busy.fetch_add(1, Ordering::SeqCst);
        Busy(self.open.clone())
    }

    /// Whose it is.
    pub(super) fn uid(&self) -> u32 {
        self.open.uid
    }

    /// Returns when this connection has to make room.
    pub(super) async fn gone(&self) {
        self.open.leave.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.slots.open).retain(|open| !Arc::ptr_eq(open, &self.open));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *lock(&self.0.idle_since) = Instant::now();
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What is behind these locks is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn slots(idle: Duration) -> Arc<Slots> {
        Slots::new(Caps { connections: 10, for_root: 2, per_uid: 4, idle, ..Caps::default() })
    }

    #[test]
    fn nobody_has_more_than_his_share_and_root_has_a_reserve() {
        let slots = slots(Duration::from_secs(60));
        let take = |uid, n| (0..n).filter_map(|_| slots.take(uid)).collect::<Vec<_>>();
        let mut alice = take(1000, 9);
        let bob = take(1001, 9);
        let carol = take(1002, 9);
        assert_eq!((alice.len(), bob.len(), carol.len()), (4, 4, 0), "8 of 10, 4 each");
        let root = take(0, 9);
        assert_eq!(root.len(), 2);
        alice.pop();
        assert_eq!((take(1001, 1).len(), take(1002, 1).len()), (0, 1), "what is given back can be taken");
        drop((alice, bob, carol));
        assert_eq!(take(0, 20).len(), 8, "root has no share of its own to exceed");
    }

    #[tokio::test]
    async fn the_longest_idle_one_of_the_same_user_makes_room() {
        let slots = slots(Duration::ZERO);
        let all: Vec<_> = (0..4).map(|_| slots.take(1000).unwrap()).collect();
        let others = slots.take(1001).unwrap();
        let busy = all[0].request();
        drop(all[1].request());
        let new = slots.take(1000).unwrap();
        all[2].gone().await;
        let _held: Vec<_> = [&all[1], &all[3], &new].map(Slot::request).into();
        assert!(slots.take(1000).is_none(), "all are busy, and somebody else's idle one stays");
        drop((busy, others));
        assert!(slots.take(1000).is_some());
    }
}
