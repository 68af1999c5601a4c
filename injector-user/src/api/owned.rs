//! Faults that live as long as somebody holds them.

use crate::{api::types::FaultDoc, error::Error, session::Handle, spec::FaultSpec};
use tokio::{runtime, sync::oneshot};

/// A fault that is stopped when this is dropped, unless it was let go.
pub(super) struct Owned {
    handle: Handle,
    id: Option<String>,
}

impl Owned {
    /// It has ended, or lives on by itself.
    pub(super) fn let_go(&mut self) {
        self.id = None;
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), runtime::Handle::try_current()) else { return };
        let handle = self.handle.clone();
        runtime.spawn(async move {
            // It may have ended by itself meanwhile; then there is nothing to stop.
            if let Err(error) = handle.stop(id.clone()).await {
                tracing::debug!(fault = id, %error, "stop after its client went away");
            }
        });
    }
}

/// Arms a fault. If whoever asked is gone before the answer is there, nobody knows of the fault: it is stopped.
pub(super) async fn start(handle: &Handle, spec: FaultSpec) -> Result<(FaultDoc, Owned), Error> {
    let (answer, answered) = oneshot::channel();
    let handle = handle.clone();
    // Not in this future: the server drops it when the client hangs up.
    tokio::spawn(async move {
        let started = handle.start(spec).await;
        let owned = started.map(|fault| {
            let id = Some(fault.id.clone());
            (fault, Owned { handle, id })
        });
        // A receiver that is gone gives the value back, and its drop stops the fault.
        drop(answer.send(owned));
    });
    answered.await.map_err(|_| Error::unreachable("the daemon is ending"))?
}
