//! The limits file.

use super::Limits;
use crate::error::Error;
use nix::unistd::{Uid, User};
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the limits are unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/injector/limits.yaml";

/// More is not a limits file.
const LARGEST: u64 = 64 * 1024;

/// Reads the limits. Without a file at [`DEFAULT_PATH`] the built-in limits hold; any other path must exist.
///
/// An error means that nothing may be armed: the file does not parse, has an unknown key, or it or its directory
/// belongs to another than root or can be written by group or others.
pub fn load(path: &Path) -> Result<Limits, Error> {
    load_owned_by(path, path == Path::new(DEFAULT_PATH), Uid::from_raw(0))
}

/// [`load`] with another owner than root, for tests, and with the choice whether the file may be missing.
pub(super) fn load_owned_by(path: &Path, may_miss: bool, owner: Uid) -> Result<Limits, Error> {
    // A dangling link is not a missing file: somebody meant a file to be there.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && may_miss => return Ok(Limits::default()),
        _ => (),
    }
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Error::failed(format!("can't read the limits file {shown}: {error}"))
            .hint("nothing is armed without limits: write the file or correct --config")
    };
    // The facts are those of the opened file and of the directories on both sides of a link.
    let target = fs::canonicalize(path).map_err(failed)?;
    for file in [path, target.as_path()] {
        let directory =
            file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        trusted(directory, &fs::metadata(directory).map_err(failed)?, owner)?;
    }
    let mut file = File::open(&target).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(Error::failed(format!("the limits file {shown} is not a file")).hint("write a YAML file"));
    }
    trusted(&target, &facts, owner)?;
    let mut text = String::new();
    file.by_ref().take(LARGEST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LARGEST {
        return Err(Error::failed(format!("the limits file {shown} is larger than {LARGEST} bytes"))
            .hint("it holds max_ttl, max_percent, max_delay, max_faults and protect"));
    }
    parse(&text).map_err(|error| {
        let wrong = Error::failed(format!("the limits file {shown} is wrong: {}", error.message));
        wrong.hint(error.hint.unwrap_or_else(|| {
            "its keys: max_ttl, max_percent, max_delay, max_faults, protect; nothing is armed until it is right".into()
        }))
    })
}

/// Reads the YAML; an error's message has line and column. A file of comments is the built-in limits; an empty one is
/// refused, since that is what a full disk leaves of a file that protected something.
pub(super) fn parse(text: &str) -> Result<Limits, Error> {
    if text.trim().is_empty() {
        return Err(Error::usage("it is empty")
            .hint("remove it, or write at least a comment, for the built-in limits"));
    }
    let limits: Limits = serde_saphyr::from_str(text).map_err(|error| {
        let message = error.without_snippet().to_string();
        let first = message.lines().next().unwrap_or_default();
        Error::usage(first.trim_start_matches("error: "))
    })?;
    limits.validate()?;
    Ok(limits)
}

fn trusted(path: &Path, facts: &Metadata, owner: Uid) -> Result<(), Error> {
    let shown = path.display();
    let what = if facts.is_dir() { "the directory " } else { "" };
    if facts.uid() != owner.as_raw() {
        let uid = facts.uid();
        let name =
            User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(String::new, |user| user.name);
        return Err(Error::failed(format!("{what}{shown} belongs to uid {uid} {name}").trim_end())
            .hint(format!("who owns the limits owns the node: chown root {shown}")));
    }
    if facts.mode() & 0o022 != 0 {
        return Err(Error::failed(format!(
            "{what}{shown} can be written by others than root (mode {:04o})",
            facts.mode() & 0o7777
        ))
        .hint(format!("chmod go-w {shown}")));
    }
    Ok(())
}
