//! Documents that come a line a second. Each is made when the client is ready for it: a slow reader costs nothing.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{owned::Owned, reply};
use crate::{
    api::types::{DepsDoc, EventDoc, EventsDoc, EventsLostDoc, FaultDoc, State},
    error::Error,
    session::{Handle, Hub},
    spec::TargetSpec,
};

/// Between two lines.
const BEAT: Duration = Duration::from_secs(1);

/// Between two looks whether the fault has ended.
const LOOK: Duration = Duration::from_millis(200);

struct Watch {
    handle: Handle,
    node: String,
    /// What was seen last, and when its line went out.
    seen: FaultDoc,
    due: Instant,
    owned: Option<Owned>,
    at: At,
}

enum At {
    First,
    Next,
    Over,
}

/// One fault until it has ended: now, once a second, and when its state changes. With `owned` the fault ends when
/// the client hangs up.
pub(super) fn fault(handle: Handle, node: String, first: FaultDoc, owned: Option<Owned>) -> Body {
    let watch = Watch { handle, node, seen: first, due: Instant::now() + BEAT, owned, at: At::First };
    Body::from_stream(stream::unfold(watch, |mut watch| async move {
        let line = watch.line().await?;
        Some((Ok::<_, Infallible>(line), watch))
    }))
}

impl Watch {
    async fn line(&mut self) -> Option<Bytes> {
        match self.at {
            At::First => self.at = At::Next,
            At::Over => return None,
            At::Next => {
                if let Err(error) = self.wait().await {
                    self.at = At::Over;
                    return Some(reply::line(&error.document(&self.node), &self.node));
                }
            }
        }
        if self.seen.state == State::Ended {
            self.at = At::Over;
            self.owned.iter_mut().for_each(Owned::let_go);
        }
        Some(reply::line(&reply::doc("fault", &self.node, &self.seen), &self.node))
    }

    /// Until the next line is due or the state has changed.
    async fn wait(&mut self) -> Result<(), Error> {
        loop {
            sleep(LOOK.min(self.due.saturating_duration_since(Instant::now()))).await;
            let state = self.seen.state;
            self.seen = self.handle.fault(self.seen.id.clone()).await?;
            if self.seen.state != state || Instant::now() >= self.due {
                self.due = Instant::now() + BEAT;
                return Ok(());
            }
        }
    }
}

/// What of the flows is told.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// All.
    Flows,
    /// Their sums.
    Dependencies,
}

/// The flows of `targets`, once a second, until the client hangs up.
pub(super) fn flows(handle: Handle, node: String, targets: Vec<TargetSpec>, of: Of) -> Body {
    let start = Some((handle, targets, Instant::now()));
    Body::from_stream(stream::unfold(start, move |state| {
        let node = node.clone();
        async move {
            let (handle, targets, due) = state?;
            sleep_until(due).await;
            let (line, next) = match handle.flows(targets.clone()).await {
                Ok(flows) => {
                    let line = match of {
                        Of::Flows => reply::line(&reply::doc("flows", &node, flows), &node),
                        Of::Dependencies => {
                            reply::line(&reply::doc("deps", &node, DepsDoc::from(flows)), &node)
                        }
                    };
                    (line, Some((handle, targets, Instant::now() + BEAT)))
                }
                Err(error) => (reply::line(&error.document(&node), &node), None),
            };
            Some((Ok::<_, Infallible>(line), next))
        }
    }))
}

/// Failed calls as they come, until the client hangs up. The first line comes at once and has no event: what was lost
/// before. The others have what has come since; one without an event says that more was lost.
pub(super) fn events(handle: Handle, node: String, hub: Arc<Hub>) -> Body {
    let watch = Events { handle, node, watch: hub.watch(), hub, told: None, lagged: 0 };
    Body::from_stream(stream::unfold(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.line().await {
            Ok(line) => Some((Ok::<_, Infallible>(line), Some(watch))),
            Err(error) => Some((Ok(reply::line(&error.document(&watch.node), &watch.node)), None)),
        }
    }))
}

/// Events in one line, at most.
const LINE: usize = 100;

struct Events {
    handle: Handle,
    node: String,
    hub: Arc<Hub>,
    watch: broadcast::Receiver<Arc<EventDoc>>,
    /// The losses of the last line.
    told: Option<EventsLostDoc>,
    lagged: u64,
}

impl Events {
    async fn line(&mut self) -> Result<Bytes, Error> {
        loop {
            let mut events = Vec::new();
            if self.told.is_some() {
                match timeout(BEAT, self.watch.recv()).await {
                    Ok(Ok(event)) => events.push(EventDoc::clone(&event)),
                    Ok(Err(RecvError::Lagged(n))) => self.lagged += n,
                    // The hub is ours as well: it is never closed.
                    Ok(Err(RecvError::Closed)) => {}
                    // Nothing has come for a while: may they still see it?
                    Err(_) => _ = self.handle.events().await?,
                }
                while events.len() < LINE {
                    match self.watch.try_recv() {
                        Ok(event) => events.push(EventDoc::clone(&event)),
                        Err(TryRecvError::Lagged(n)) => self.lagged += n,
                        Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    }
                }
            }
            let lost = EventsLostDoc { lagged: self.lagged, ..self.hub.lost() };
            if !events.is_empty() || self.told != Some(lost) {
                self.told = Some(lost);
                let body = EventsDoc { events, lost };
                return Ok(reply::line(&reply::doc("events", &self.node, body), &self.node));
            }
        }
    }
}
