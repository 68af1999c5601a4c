//! Work that may take long, on a thread of its own.

use tokio::sync::oneshot;

use crate::error::Error;

/// What `work` gives, which is `what` and so does not keep the engine waiting. Not on one of the runtime's threads: look-ups
/// of names that hang may have them all. It goes on when nobody waits for it any more.
///
/// # Errors
/// There is no thread to be had, or it ended without an answer.
pub(super) async fn aside<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (tell, told) = oneshot::channel();
    let failed = |error: &dyn std::fmt::Display| Error::failed(format!("{what} could not be read: {error}"));
    let thread = std::thread::Builder::new().name(what.into());
    thread.spawn(move || _ = tell.send(work())).map_err(|error| failed(&error))?;
    told.await.map_err(|error| failed(&error))
}
