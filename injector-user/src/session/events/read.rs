//! The one reader of the ring.

use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::io::{Interest, unix::AsyncFd};
use tracing::warn;

use super::{hub::Hub, words::words};
use crate::{
    kernel::{Ring, ktime},
    target::{self, Host},
};

/// Between two looks, if nothing comes: losses may have been counted.
const LOOK: Duration = Duration::from_secs(1);
/// Between two readings: one that is woken for each failed call costs the node more than the call does.
const REST: Duration = Duration::from_millis(20);
/// Between two walks through all cgroups for one that is not known.
const WALK: Duration = Duration::from_secs(1);

/// Reads until `shutdown` is ready.
pub async fn read(ring: Ring, hub: Arc<Hub>, host: Host, shutdown: impl Future<Output = ()>) {
    // SAFETY: the descriptor is the ring's own, and stays open as long as it lives.
    let mut ring = match unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) } {
        Ok(ring) => ring,
        Err(error) => {
            warn!("failed calls cannot be told one by one: {error}");
            return;
        }
    };
    let mut cgroups = Cgroups { host, known: HashMap::new(), walked: None };
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            // What comes after this wakes us again.
            ready = ring.readable_mut() => match ready {
                Ok(mut guard) => guard.clear_ready(),
                Err(error) => {
                    warn!("failed calls are no longer told one by one: {error}");
                    return;
                }
            },
            () = tokio::time::sleep(LOOK) => {}
            () = &mut shutdown => break,
        }
        tell(ring.get_mut(), &hub, &mut cgroups);
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = &mut shutdown => break,
        }
    }
    // What came since: the faults have ended.
    tell(ring.get_mut(), &hub, &mut cgroups);
}

/// Tells what the ring has, and how much it has not.
fn tell(ring: &mut Ring, hub: &Hub, cgroups: &mut Cgroups) {
    while let Some(event) = ring.take() {
        let at = Duration::from_nanos(event.at);
        let (ago, fault) = (ktime().saturating_sub(at), hub.fault(event.rule, at));
        hub.tell(words(&event, ago, fault, cgroups.path(event.cgroup)));
    }
    match ring.lost() {
        Ok((left_out, full)) => hub.lose(left_out, full),
        Err(error) => warn!("what the ring lost cannot be read: {error:#}"),
    }
}

/// Paths of cgroups by their ids.
struct Cgroups {
    host: Host,
    known: HashMap<u64, String>,
    walked: Option<Instant>,
}

impl Cgroups {
    fn path(&mut self, id: u64) -> String {
        if !self.known.contains_key(&id) && self.walked.is_none_or(|at| at.elapsed() >= WALK) {
            self.walked = Some(Instant::now());
            // One that is gone by now is told by its id.
            let all = target::subtree(&self.host, "/").unwrap_or_default();
            self.known = all.into_iter().map(|cgroup| (cgroup.id, cgroup.path)).collect();
        }
        self.known.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}
