//! `injector daemon`.

use std::{io::stderr, path::Path};

use tracing_subscriber::EnvFilter;

use super::{
    context::{self, Context},
    local,
    out::Outcome,
};
use crate::{config, error::Error, limits};

/// Runs the verb. The log goes to stderr; INJECTOR_LOG chooses what (`info` unless it says otherwise).
pub(super) fn run(context: &Context) -> Outcome {
    let config = context.config()?;
    if !context::is_root() {
        return Err(Error::refused("the daemon needs root").hint("sudo injector daemon").into());
    }
    // It says where the limits are: who can write it could bring limits of his own.
    let file = context.config.as_deref().unwrap_or(Path::new(config::DEFAULT_PATH));
    if file.exists() {
        limits::only_roots(file)?;
    }
    let filter = EnvFilter::try_from_env("INJECTOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // Set already only where a test runs this in its own process.
    _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(false).try_init();
    Ok(local::daemon(config)?)
}
