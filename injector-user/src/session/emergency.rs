//! What needs no daemon: halt, lift, clean. As root, from the kernel's own truth.

use std::time::Instant;

use super::{
    halt::HaltFile,
    instance,
    sweep::{Whose, sweep},
};
use crate::{api::types::CleanDoc, config::Config, error::Error, kernel::gates};

fn need_root(what: &str) -> Result<(), Error> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::refused(format!("you may not {what}")).hint("only root can: sudo"))
}

/// Writes the halt word of every gate map of this host and the halt file: from then on nothing acts, whether
/// a daemon runs, hangs or is dead. Undoing attachments is the daemon's, or [`sweep_halted`]'s.
///
/// # Errors
/// Not root, or the kernel's maps cannot be written.
pub fn halt_everything(config: &Config, why: &str, who: &str) -> Result<CleanDoc, Error> {
    need_root("halt without the daemon")?;
    let begun = Instant::now();
    let file = HaltFile::new(&config.state_dir).write(who, why);
    let gates = gates::halt_all().map_err(|error| Error::failed(format!("{error:#}")))?;
    file?;
    Ok(CleanDoc {
        left: Vec::new(),
        removed: gates
            .iter()
            .filter(|gate| !gate.was_halted)
            .map(|gate| format!("instance {:08x}: inert (halt word written)", gate.instance))
            .collect(),
        last_fault_after_ms: None,
        took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// After [`halt_everything`], when no daemon answers: removes filters and devices of all instances.
///
/// # Errors
/// Not root.
pub fn sweep_halted(config: &Config) -> Result<CleanDoc, Error> {
    need_root("remove what a daemon left")?;
    Ok(sweep(Whose::All, &config.run_dir))
}

/// Removes the halt file. The halt word of a running daemon is lifted by that daemon only.
///
/// # Errors
/// Not root, or the file cannot be removed.
pub fn lift(config: &Config) -> Result<(), Error> {
    need_root("lift the halt")?;
    HaltFile::new(&config.state_dir).remove()
}

/// Removes what dead instances left in any network namespace.
///
/// # Errors
/// Not root.
pub fn clean(config: &Config) -> Result<CleanDoc, Error> {
    need_root("clean up")?;
    let doc = sweep(Whose::Dead, &config.run_dir);
    // Lock files that nobody holds are of no use any more.
    if let Ok(entries) = std::fs::read_dir(instance::DIRECTORY) {
        for entry in entries.flatten() {
            let name = entry.file_name();
            if let Some(tag) = name.to_string_lossy().strip_suffix(".lock")
                && instance::is_dead(tag)
            {
                let _gone = std::fs::remove_file(entry.path());
            }
        }
    }
    Ok(doc)
}
