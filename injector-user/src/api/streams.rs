//! Documents that come a line a second. Each is made when the client is ready for it: a slow reader costs nothing.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::time::{Instant, sleep, sleep_until};

use super::{owned::Owned, reply};
use crate::{
    api::types::{FaultDoc, State},
    error::Error,
    session::Handle,
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

/// The flows of `targets`, once a second, until the client hangs up.
pub(super) fn flows(handle: Handle, node: String, targets: Vec<TargetSpec>) -> Body {
    let start = Some((handle, targets, Instant::now()));
    Body::from_stream(stream::unfold(start, move |state| {
        let node = node.clone();
        async move {
            let (handle, targets, due) = state?;
            sleep_until(due).await;
            let (line, next) = match handle.flows(targets.clone()).await {
                Ok(flows) => {
                    let line = reply::line(&reply::doc("flows", &node, flows), &node);
                    (line, Some((handle, targets, Instant::now() + BEAT)))
                }
                Err(error) => (reply::line(&error.document(&node), &node), None),
            };
            Some((Ok::<_, Infallible>(line), next))
        }
    }))
}
