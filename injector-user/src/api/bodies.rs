//! Bodies with a limit in time, and bodies that say when they are over.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::slots::Busy;

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// A request's body: all of it comes within a time, or it is an error.
pub(super) struct Timed {
    body: Incoming,
    most: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Timed {
    /// The time begins now.
    pub(super) fn new(body: Incoming, most: Duration) -> Self {
        Self { body, most, timer: Box::pin(sleep(most)) }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Boxed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Boxed>>> {
        // The timer first: a byte now and then does not put it off.
        if self.timer.as_mut().poll(cx).is_ready() && !self.body.is_end_stream() {
            let error = format!("it did not come within {} s", self.most.as_secs_f32());
            return Poll::Ready(Some(Err(error.into())));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body: until it is over, or nobody reads it any more, its request is.
pub(super) struct Held {
    body: Body,
    _busy: Busy,
}

impl Held {
    /// `body`, which belongs to the request `busy`.
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
