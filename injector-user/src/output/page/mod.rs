//! A page for people without Grafana: the golden signals and the faults as plain HTML, with a listener of its own. It
//! reads only, and asks the engine at most once a second, however many read it.

mod escape;
mod guard;
mod html;
mod svg;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore},
    time::{sleep, timeout},
};

use crate::{
    error::Error,
    observe::golden::{Pace, armed, golden, own},
    session::Handle,
};

/// A page this young is given out again.
const FRESH: Duration = Duration::from_secs(1);
/// The engine is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A client sends its request, and takes the answer, in so much time.
const HEAD: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(30);
/// Clients at once; more are not answered.
const CLIENTS: usize = 32;
/// After an accept that failed (no descriptors left), so long is waited for better times.
const PAUSE: Duration = Duration::from_millis(100);

struct Page {
    handle: Handle,
    node: String,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    pace: Pace,
    text: Option<(Instant, String)>,
}

/// Answers on `listener` until `shutdown` is ready: this host itself, and peers that are in `allow`.
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    node: String,
    allow: Vec<IpNet>,
    shutdown: impl Future<Output = ()>,
) {
    let router = router(handle, node);
    let clients = Arc::new(Semaphore::new(CLIENTS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("the page: a connection can't be accepted: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        // From an address of this host's own to the same one: nobody else's packets come in like that.
        let own = stream.local_addr().is_ok_and(|own| own.ip() == peer.ip());
        if !own && !may_read(peer.ip(), &allow) {
            tracing::debug!("the page: {peer} is not in page_allow");
            continue;
        }
        let Ok(place) = clients.clone().try_acquire_owned() else { continue };
        let router = router.clone();
        tokio::spawn(async move {
            _ = timeout(WHOLE, answer(stream, router)).await;
            drop(place);
        });
    }
}

fn may_read(peer: IpAddr, allow: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    peer.is_loopback() || allow.iter().any(|net| net.contains(&peer))
}

async fn answer(stream: TcpStream, router: Router) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await
    {
        tracing::debug!("the page: {error}");
    }
}

fn router(handle: Handle, node: String) -> Router {
    let page = Arc::new(Page { handle, node: node.clone(), last: Mutex::default() });
    Router::new()
        .route("/", get(read))
        .route("/style.css", get(style))
        .layer(from_fn_with_state(Arc::<str>::from(node), guard::guard))
        .with_state(page)
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

async fn read(State(page): State<Arc<Page>>) -> Response {
    let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    match timeout(PATIENCE, page.text()).await {
        Ok(Ok(text)) => (html, text).into_response(),
        Ok(Err(error)) => {
            (StatusCode::SERVICE_UNAVAILABLE, html, html::failed(&page.node, &error.to_string()))
                .into_response()
        }
        Err(_) => {
            let why = format!("the engine did not answer within {} s", PATIENCE.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, html, html::failed(&page.node, &why)).into_response()
        }
    }
}

impl Page {
    /// One look at a time: the others wait for its page.
    async fn text(&self) -> Result<String, Error> {
        let mut last = self.last.lock().await;
        if let Some((at, text)) = &last.text
            && at.elapsed() < FRESH
        {
            return Ok(text.clone());
        }
        let status = self.handle.status().await?;
        let flows = self.handle.flows(Vec::new()).await?;
        // A reading that fails is none: the rest is there.
        let saturation = self.handle.saturation_now().await.ok().flatten();
        let mut golden = golden(&flows, saturation.as_ref());
        // The page shows no flow: the looks at each would be kept for nobody.
        golden.cgroups.iter_mut().flat_map(|row| &mut row.below).for_each(|row| row.below.clear());
        last.pace.look(&golden);
        let text = html::page(&html::Seen {
            node: &self.node,
            status: &status,
            golden: &golden,
            pace: &last.pace,
            armed: &armed(&status),
            own: &own(&status.own, &status.lost, &flows.kinds_lost, None),
        });
        last.text = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
