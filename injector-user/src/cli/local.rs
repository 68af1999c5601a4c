//! What the command line does without a daemon: the calls into `session` and `kernel`, and nothing else.

use std::path::Path;

use crate::{
    api::types::{CleanDoc, DoctorDoc},
    config::Config,
    error::Error,
    kernel::probe,
    observe::saturation,
    session::{Who, daemon, emergency},
    target::Host,
};

/// The halt word in every gate, and the halt file: nothing acts any more.
pub(super) fn halt(config: &Config, why: &str, who: &Who) -> Result<CleanDoc, Error> {
    emergency::halt_everything(config, why, &who.to_string())
}

/// Removes filters and devices after a halt; for when no daemon answers.
pub(super) fn sweep_halted(config: &Config) -> Result<CleanDoc, Error> {
    emergency::sweep_halted(config)
}

/// Removes the halt file.
pub(super) fn lift(config: &Config) -> Result<(), Error> {
    emergency::lift(config)
}

/// Removes what daemons that are gone left behind.
pub(super) fn clean(config: &Config) -> Result<CleanDoc, Error> {
    emergency::clean(config)
}

/// What this kernel can do.
pub(super) fn doctor() -> DoctorDoc {
    let mut doctor = probe::doctor();
    if let Ok(host) = Host::detect(Path::new("/")) {
        doctor.probes.extend(saturation::probes(&host));
    }
    doctor
}

/// Runs the daemon until it is told to end.
pub(super) fn daemon(config: Config) -> Result<(), Error> {
    daemon::run(config)
}
