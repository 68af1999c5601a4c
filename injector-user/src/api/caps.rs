//! What one client, and all of them together, may take of the daemon.

use std::time::Duration;

/// See the fields. A request that goes beyond them is refused or cut off; `halt` and `stop` are never too many.
#[derive(Clone, Debug)]
pub(super) struct Caps {
    /// Connections at once.
    pub(super) connections: usize,
    /// So many of them only root can have.
    pub(super) for_root: usize,
    /// Connections of one user at once, root excepted.
    pub(super) per_uid: usize,
    /// A connection on which nothing was asked for so long makes room for a new one.
    pub(super) idle: Duration,
    /// From the connection, or the answer before, to the end of a request's headers. This is also how long an
    /// idle connection is kept.
    pub(super) head: Duration,
    /// Bytes of a request's line and headers; at least 8192, which is the least that hyper takes.
    pub(super) head_bytes: usize,
    /// Headers of a request.
    pub(super) headers: usize,
    /// From the headers to the end of the body.
    pub(super) body: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub(super) stuck: Duration,
    /// Requests a second of one user, over time.
    pub(super) rate: u32,
    /// Requests of one user at once.
    pub(super) burst: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            connections: 128,
            for_root: 8,
            per_uid: 32,
            idle: Duration::from_secs(1),
            head: Duration::from_secs(5),
            head_bytes: 16 * 1024,
            headers: 64,
            body: Duration::from_secs(10),
            stuck: Duration::from_secs(30),
            rate: 50,
            burst: 100,
        }
    }
}
