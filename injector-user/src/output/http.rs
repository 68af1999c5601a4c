//! `GET /metrics` on a TCP port, for Prometheus. Reads only; the API is on a Unix socket.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::Mutex, time::timeout};

use super::{
    ended::Ended,
    metrics::{MetricsInput, render},
    shown::Shown,
};
use crate::session::Handle;

/// `prometheus::TEXT_FORMAT` with its character set.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// A scrape waits no longer for the engine.
const PATIENCE: Duration = Duration::from_secs(5);
/// A page this young is given out again: whoever can reach the port cannot keep the engine busy.
const FRESH: Duration = Duration::from_secs(1);

struct Page {
    handle: Handle,
    state: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    ended: Ended,
    shown: Shown,
    page: Option<(Instant, String)>,
}

/// Answers scrapes until `shutdown` is ready.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let page = Arc::new(Page { handle, state: Mutex::default() });
    let router = Router::new().route("/metrics", get(metrics)).with_state(page);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await.context("serve the metrics")
}

async fn metrics(State(page): State<Arc<Page>>) -> Response {
    match timeout(PATIENCE, page.text()).await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Ok(Err(error)) => failed(&format!("{error:#}")),
        Err(_) => failed(&format!("the engine did not answer within {} s", PATIENCE.as_secs())),
    }
}

fn failed(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}

impl Page {
    /// One scrape at a time: the others wait for its page.
    async fn text(&self) -> Result<String> {
        let mut last = self.state.lock().await;
        if let Some((at, text)) = &last.page
            && at.elapsed() < FRESH
        {
            return Ok(text.clone());
        }
        let failed = |error| anyhow::anyhow!("the engine says: {error}");
        let status = self.handle.status().await.map_err(failed)?;
        let flows = self.handle.flows_by_name().await.map_err(failed)?;
        let input = MetricsInput {
            node: nix::unistd::gethostname()?.to_string_lossy().into_owned(),
            kernel: status.kernel,
            ended: last.ended.count(&status.faults).clone(),
            faults: status.faults,
            halted: status.halted.is_some(),
            limits: (status.limits_sha256, status.mode),
            disarmed: status.disarmed.is_some(),
            dependencies: last.shown.take(Instant::now(), &flows.dependencies),
            owners: flows.owners,
            lost: status.lost,
            own: status.own,
            saturation: self.handle.saturation_now().await.map_err(failed)?,
        };
        let text = render(&input)?;
        last.page = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
