//! What the global flags say.

use std::{future::Future, path::PathBuf};

use super::out;
use crate::{api::Client, config::Config, error::Error, limits::Identity, session::Who};

/// The global flags.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// `--json`.
    pub(super) json: bool,
    /// `--socket`.
    pub(super) socket: Option<PathBuf>,
    /// `--config`.
    pub(super) config: Option<PathBuf>,
}

impl Context {
    /// The configuration, with `--socket` in it.
    pub(super) fn config(&self) -> Result<Config, Error> {
        let config = Config::load(self.config.as_deref())?;
        Ok(self.with_socket(config))
    }

    /// The configuration, or the defaults if it can't be read: an emergency does not wait for a YAML file.
    pub(super) fn config_at_any_price(&self) -> Config {
        self.config().unwrap_or_else(|error| {
            out::remark(&format!("{error}; going on with the defaults"));
            self.with_socket(Config::default())
        })
    }

    fn with_socket(&self, config: Config) -> Config {
        Config { socket: self.socket.clone().unwrap_or(config.socket), ..config }
    }

    /// A client of the daemon.
    pub(super) fn client(&self) -> Result<Client, Error> {
        match &self.socket {
            Some(socket) => Ok(Client::new(socket)),
            None => Ok(Client::new(&self.config()?.socket)),
        }
    }
}

/// Who runs this command: behind sudo, the person who logged in.
pub(super) fn myself() -> Who {
    let login = std::fs::read_to_string("/proc/self/loginuid").ok();
    let login = login.and_then(|text| text.trim().parse().ok()).filter(|uid| *uid != u32::MAX);
    let identity = Identity { uid: nix::unistd::getuid().as_raw(), gids: Vec::new(), login };
    Who { identity, pid: std::process::id() }
}

/// Whether this is root.
pub(super) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs a future to its end on this thread.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::failed(format!("can't start: {error}")))?;
    Ok(runtime.block_on(future))
}
