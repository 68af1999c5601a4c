//! One connection from its first byte to its last.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse as _, Response},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::UnixStream, sync::watch};

use super::{
    bodies::{Held, Timed},
    caps::Caps,
    peer::Peer,
    rate::{self, Rate},
    reply::Refusal,
    slots::{Busy, Slot},
    stall::Stall,
};
use crate::error::Error;

/// What all connections share.
pub(super) struct Shared {
    caps: Caps,
    rate: Rate,
    router: Router,
    node: String,
}

impl Shared {
    /// Requests go to `router`.
    pub(super) fn new(caps: Caps, router: Router, node: String) -> Arc<Self> {
        Arc::new(Self { rate: Rate::new(caps.rate, caps.burst), caps, router, node })
    }

    async fn answer(&self, request: Request<Incoming>, peer: Peer, uid: u32, busy: Busy) -> Response {
        if !rate::is_free(request.method(), request.uri().path())
            && let Err(wait) = self.rate.take(uid, Instant::now())
        {
            return self.too_many(wait.as_secs() + 1);
        }
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(ConnectInfo(peer));
        let request = Request::from_parts(parts, Body::new(Timed::new(body, self.caps.body)));
        let Ok(response) = TowerToHyperService::new(self.router.clone()).call(request).await;
        response.map(|body| Body::new(Held::new(body, busy)))
    }

    fn too_many(&self, seconds: u64) -> Response {
        let most = self.caps.rate;
        let error = Error::refused(format!("you make more than {most} requests a second"))
            .hint("wait a moment; halt and stop are never refused for this")
            .limit("requests per second", format!("more than {most}"), most);
        let refusal = Refusal::with_status(&self.node, StatusCode::TOO_MANY_REQUESTS, error);
        let mut response = refusal.into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        response
    }
}

/// Serves the connection until either side has had enough. When `closing` becomes true the answer that is on its
/// way is the last one.
pub(super) async fn serve(
    stream: UnixStream,
    peer: Peer,
    slot: Slot,
    shared: Arc<Shared>,
    mut closing: watch::Receiver<bool>,
) {
    let caps = &shared.caps;
    let service = service_fn(|request| {
        let answer = (shared.clone(), peer.clone(), slot.uid(), slot.request());
        async move {
            let (shared, peer, uid, busy) = answer;
            Ok::<_, Infallible>(shared.answer(request, peer, uid, busy).await)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(caps.head)
        .max_buf_size(caps.head_bytes)
        .max_headers(caps.headers);
    let stream = TokioIo::new(Stall::new(stream, caps.stuck));
    let mut connection = pin!(builder.serve_connection(stream, service));
    let mut told = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection of uid {}: {error}", slot.uid());
                }
                return;
            }
            () = slot.gone() => return,
            // An error means that the server is gone: that is an end as well.
            _ = closing.wait_for(|closing| *closing), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
