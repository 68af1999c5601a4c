//! The proof of clean after a halt: from the daemon if it answers, else from a sweep of our own.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::local;
use crate::{
    api::{
        Client,
        types::{CleanDoc, Doc, State, StatusDoc},
    },
    config::Config,
};

/// How long packets that are held may take to be delivered: the longest delay, and more.
const DRAIN: Duration = Duration::from_secs(4);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The daemon undoes what it has attached: waits until nothing is, and says what is left. `None` if it does not
/// answer any more.
pub(super) async fn by_daemon(client: &Client, first: StatusDoc) -> Option<CleanDoc> {
    let begun = Instant::now();
    let armed = |status: &StatusDoc| status.faults.iter().any(|fault| fault.state != State::Ended);
    let removed = first.attached.clone();
    let mut status = first;
    while (armed(&status) || !status.attached.is_empty()) && begun.elapsed() < DRAIN {
        sleep(LOOK).await;
        status = client.get::<Doc<StatusDoc>>("/v1/status").await.ok()?.body;
    }
    Some(CleanDoc {
        removed: removed.into_iter().filter(|one| !status.attached.contains(one)).collect(),
        left: status.attached,
        took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        ..CleanDoc::default()
    })
}

/// No daemon answers: what daemons have attached is removed here. Root only.
pub(super) fn by_hand(config: &Config) -> CleanDoc {
    local::sweep_halted(config)
        .unwrap_or_else(|error| CleanDoc { left: vec![format!("unknown: {error}")], ..CleanDoc::default() })
}

/// One proof of two.
pub(super) fn both(first: CleanDoc, then: CleanDoc) -> CleanDoc {
    CleanDoc {
        left: [first.left, then.left].concat(),
        removed: [first.removed, then.removed].concat(),
        last_fault_after_ms: first.last_fault_after_ms.max(then.last_fault_after_ms),
        took_ms: first.took_ms.saturating_add(then.took_ms),
    }
}
