//! What the service manager is told (sd_notify(3)). Nothing, to nobody, without NOTIFY_SOCKET.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use sd_notify::NotifyState;
use tracing::warn;

/// Milliseconds between two signs of life: far below the unit's WatchdogSec.
const SPACING: u64 = 1000;

/// The socket serves, and requests are answered.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The daemon has been told to end and is ending its faults.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// The engine has just evaluated everything that ends a fault. Only its loop may say so: a daemon whose engine
/// hangs must not look alive. Tells at most once a second, so that it can be called at every turn.
pub fn alive() {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = FIRST.get_or_init(Instant::now).elapsed().as_millis();
    if due(&NEXT, u64::try_from(since).unwrap_or(u64::MAX)) {
        tell(NotifyState::Watchdog);
    }
}

/// Is it time? If so, the next time is a second later.
fn due(next: &AtomicU64, now: u64) -> bool {
    let due = now >= next.load(Ordering::Relaxed);
    if due {
        next.store(now.saturating_add(SPACING), Ordering::Relaxed);
    }
    due
}

/// A manager that does not listen is its own trouble: the daemon goes on.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!("the service manager cannot be told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_once_a_second() {
        let next = AtomicU64::new(0);
        let told: Vec<u64> = (0..3500).step_by(10).filter(|now| due(&next, *now)).collect();
        assert_eq!(told, [0, 1000, 2000, 3000]);
    }
}
