//! One kind of document, a line a second, until the client hangs up.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use futures_util::stream;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::reply;
use crate::error::Error;

/// Between two lines.
const BEAT: Duration = Duration::from_secs(1);

/// The documents that `look` gives, now and once a second; an error is the last line. Each is made when the client is ready
/// for it: a slow reader costs nothing.
pub(super) fn every_second<T, L, F>(name: &'static str, node: String, look: L) -> Body
where
    T: Serialize,
    L: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let start = Some((look, node, Instant::now()));
    Body::from_stream(stream::unfold(start, move |state| async move {
        let (look, node, due) = state?;
        sleep_until(due).await;
        let (line, next) = match look().await {
            Ok(found) => {
                let line = reply::line(&reply::doc(name, &node, found), &node);
                (line, Some((look, node, Instant::now() + BEAT)))
            }
            Err(error) => (reply::line(&error.document(&node), &node), None),
        };
        Some((Ok::<_, Infallible>(line), next))
    }))
}
