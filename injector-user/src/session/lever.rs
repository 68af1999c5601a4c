//! The halt lever: pulled by a command, by another process's hand on our map, or by the file on disk.

use tracing::{error, info, warn};

use super::{engine::Engine, halt, handle::Who};
use crate::{
    api::types::{EndKind, HaltDoc},
    error::Error,
};

impl Engine {
    /// Another process may have pulled the lever: the halt word in our map, or the file.
    pub(super) fn watch_halt(&mut self) {
        if self.halted.is_some() {
            return;
        }
        let found = match (self.halt_file.read(), self.kernel.halted()) {
            (Some(doc), _) => doc,
            (None, Ok(false)) => return,
            (None, Ok(true)) => {
                HaltDoc { by: "?".into(), why: "the halt word was set".into(), since: halt::now() }
            }
            (None, Err(error)) => {
                warn!("the halt word cannot be read: {error:#}");
                return;
            }
        };
        warn!("HALTED by {}: {}", found.by, found.why);
        let reason = format!("halted by {}", found.by);
        self.halted = Some(found);
        if let Err(error) = self.kernel.set_halt(true) {
            error!("the halt word cannot be written: {error:#}");
        }
        self.end_where(|_| true, EndKind::Halted, &reason);
    }

    /// Stops everything and refuses to arm until it is lifted.
    pub(super) fn halt(&mut self, why: &str, who: &Who) -> Result<(), Error> {
        let word = self.kernel.set_halt(true);
        let file = self.halt_file.write(&who.to_string(), why);
        let doc = file.clone().unwrap_or_else(|_| HaltDoc {
            by: who.to_string(),
            why: why.to_owned(),
            since: halt::now(),
        });
        warn!("HALTED by {who}: {why}");
        self.halted = Some(doc);
        self.end_where(|_| true, EndKind::Halted, &format!("halted by {who}"));
        word.map_err(|error| Error::failed(format!("the halt word cannot be written: {error:#}")))?;
        file.map(|_| ())
    }

    pub(super) fn lift(&mut self, who: &Who) -> Result<(), Error> {
        self.halt_file.remove()?;
        self.kernel.set_halt(false).map_err(|error| Error::failed(format!("{error:#}")))?;
        info!("the halt was lifted by {who}");
        self.halted = None;
        Ok(())
    }

    /// Why nothing can be armed while the lever is pulled.
    pub(super) fn refuse_halted(&self) -> Result<(), Error> {
        match &self.halted {
            None => Ok(()),
            Some(halt) => Err(Error::refused(format!(
                "the node is HALTED by {} since {}: {}",
                halt.by, halt.since, halt.why
            ))
            .hint("injector halt --lift allows arming again")),
        }
    }
}
