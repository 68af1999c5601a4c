//! The server: a socket, the endpoints, an orderly end.

use std::{future::Future, path::PathBuf, pin::pin, time::Duration};

use axum::serve as axum_serve;
use tokio::{net::UnixListener, sync::oneshot, time::timeout};

use super::{
    listen,
    peer::Peer,
    routes::{self, App},
};
use crate::{
    config::Config,
    error::Error,
    session::{self, Handle},
};

/// How long open streams may go on after the order to end: time for the last lines.
const GRACE: Duration = Duration::from_secs(3);

/// The API on its socket. Bound before anything else is started, so that a second daemon does no harm.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Takes the socket. Needs a tokio runtime.
    ///
    /// # Errors
    /// A daemon answers there already (its pid is named), or the socket can't be made.
    pub fn bind(config: &Config) -> Result<Self, Error> {
        let listener = listen::open(&config.socket)?;
        Ok(Self { listener, path: config.socket.clone() })
    }

    /// Answers until `shutdown` comes; then open streams get a moment for their last lines, and the socket is
    /// removed.
    ///
    /// # Errors
    /// The socket failed.
    pub async fn serve(self, handle: Handle, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let app = routes::router(App { handle, node: session::node() });
        let (tell, told) = oneshot::channel::<()>();
        let service = app.into_make_service_with_connect_info::<Peer>();
        let serving = axum_serve(self.listener, service)
            .with_graceful_shutdown(async move { _ = told.await })
            .into_future();
        let mut serving = pin!(serving);
        let failed = |error: std::io::Error| Error::failed(format!("the API's socket failed: {error}"));
        let ended = tokio::select! {
            ended = &mut serving => ended.map_err(failed),
            () = shutdown => {
                _ = tell.send(());
                timeout(GRACE, serving).await.unwrap_or(Ok(())).map_err(failed)
            }
        };
        _ = std::fs::remove_file(&self.path);
        ended
    }
}
