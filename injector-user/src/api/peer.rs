//! Who is on the other end of a connection.

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::net::UnixListener;

use crate::{error::Error, limits::Identity, session::Who};

/// What SO_PEERCRED said when the connection was accepted.
#[derive(Clone, Debug)]
pub(super) struct Peer(Option<Who>);

impl Peer {
    /// The peer, for the audit log.
    pub(super) fn who(&self) -> Result<Who, Error> {
        self.0.clone().ok_or_else(|| Error::refused("the kernel does not say who you are"))
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred().ok();
        Self(credentials.map(|peer| Who {
            identity: Identity { uid: peer.uid(), gids: vec![peer.gid()], login: None },
            // A peer in another pid namespace has none here.
            pid: peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0),
        }))
    }
}
