//! The server: a socket, the endpoints, an orderly end.

use std::{future::Future, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::{
    caps::Caps,
    connection::{self, Shared},
    listen,
    peer::{self, Peer},
    routes::{self, App},
    slots::Slots,
};
use crate::{
    config::Config,
    error::Error,
    session::{self, Handle},
};

/// How long open streams may go on after the order to end: time for the last lines.
const GRACE: Duration = Duration::from_secs(3);

/// After an accept that failed (no descriptors left), so long is waited for better times.
const PAUSE: Duration = Duration::from_millis(100);

/// The API on its socket. Bound before anything else is started, so that a second daemon does no harm.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    caps: Caps,
}

impl Server {
    /// Takes the socket. Needs a tokio runtime.
    ///
    /// # Errors
    /// A daemon answers there already (its pid is named), or the socket can't be made.
    pub fn bind(config: &Config) -> Result<Self, Error> {
        let listener = listen::open(&config.socket)?;
        Ok(Self { listener, path: config.socket.clone(), caps: Caps::default() })
    }

    /// With other caps; for tests.
    #[cfg(test)]
    pub(super) fn caps(self, caps: Caps) -> Self {
        Self { caps, ..self }
    }

    /// Answers until `shutdown` comes; then open streams get a moment for their last lines, and the socket is
    /// removed.
    ///
    /// # Errors
    /// None at present: a socket that accepts nothing for a while is waited for.
    pub async fn serve(self, handle: Handle, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let node = session::node();
        let router = routes::router(App { handle, node: node.clone() });
        let slots = Slots::new(self.caps.clone());
        let shared = Shared::new(self.caps, router, node);
        let (close, closing) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => admit(stream, &slots, &shared, &closing, &mut connections),
                    Err(error) => {
                        tracing::warn!("a connection can't be accepted: {error}");
                        sleep(PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => note(ended),
                () = &mut shutdown => break,
            }
        }
        drop(self.listener);
        // Nobody hears it if there is no connection.
        _ = close.send(true);
        let last_lines = async {
            while let Some(ended) = connections.join_next().await {
                note(ended);
            }
        };
        // Those that take longer are cut off with the set.
        _ = timeout(GRACE, last_lines).await;
        _ = std::fs::remove_file(&self.path);
        Ok(())
    }
}

/// Serves the connection, or closes it at once if its user has too many.
fn admit(
    stream: UnixStream,
    slots: &Arc<Slots>,
    shared: &Arc<Shared>,
    closing: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let credentials = peer::credentials(&stream);
    // Somebody whom the kernel does not know shares the slots of nobody.
    let uid = credentials.map_or(u32::MAX, |credentials| credentials.uid());
    let Some(slot) = slots.take(uid) else {
        tracing::debug!("a connection of uid {uid} is one too many");
        return;
    };
    let peer = Peer::of(&stream, credentials);
    connections.spawn(connection::serve(stream, peer, slot, shared.clone(), closing.clone()));
}

/// A panic of one connection is its own affair, and a bug.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a connection died: {error}");
    }
}
