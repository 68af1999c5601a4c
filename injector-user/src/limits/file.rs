//! The limits file.

use super::{Limits, place};
use crate::error::Error;
use nix::unistd::{Uid, User};
use sha2::{Digest, Sha256};
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the limits are unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/injector/limits.yaml";

/// More is not a limits file.
const LARGEST: u64 = 64 * 1024;

/// Limits, and which file they are of.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What the file says.
    pub limits: Limits,
    /// SHA-256 of the file's bytes, in hex; `None`: there is no file, and the built-in limits hold.
    pub sha256: Option<String>,
    /// Where the file is, or would be.
    pub path: PathBuf,
}

/// Reads the limits. Without a file at [`DEFAULT_PATH`] the built-in limits hold; any other path must exist.
///
/// An error means that nothing may be armed: the file does not parse, has an unknown key, or it or its directory
/// belongs to another than root or can be written by group or others.
pub fn load(path: &Path) -> Result<Limits, Error> {
    load_with_digest(path).map(|loaded| loaded.limits)
}

/// [`load`], with what tells one file from another.
///
/// # Errors
/// As for [`load`].
pub fn load_with_digest(path: &Path) -> Result<Loaded, Error> {
    load_owned_by(path, path == Path::new(DEFAULT_PATH), Uid::from_raw(0))
}

/// [`load`] with another owner than root, for tests, and with the choice whether the file may be missing.
pub(super) fn load_owned_by(path: &Path, may_miss: bool, owner: Uid) -> Result<Loaded, Error> {
    let loaded = |limits, sha256| Loaded { limits, sha256, path: path.to_owned() };
    // A dangling link is not a missing file: somebody meant a file to be there.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && may_miss => {
            return Ok(loaded(Limits::default(), None));
        }
        _ => (),
    }
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Error::failed(format!("can't read the limits file {shown}: {error}"))
            .hint("nothing is armed without limits: write the file or correct --config")
    };
    // The facts are those of the opened file and of the directories on both sides of a link.
    let target = fs::canonicalize(path).map_err(failed)?;
    directories(path, &target, owner).map_err(failed)??;
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
            .hint("it is a short list of keys: docs/LIMITS.md has them all"));
    }
    let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    parse(&text).map(|limits| loaded(limits, Some(digest))).map_err(|error| {
        let wrong = Error::failed(format!("the limits file {shown} is wrong: {}", error.message));
        wrong.hint(
            error
                .hint
                .unwrap_or_else(|| "docs/LIMITS.md has every key; nothing is armed until it is right".into()),
        )
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
    limits.validate().map_err(|error| {
        let place = error.limit.as_deref().map_or_else(String::new, |key| place::of(text, key));
        Error { message: format!("{}{place}", error.message), ..error }
    })?;
    Ok(limits)
}

/// Whether only root can change this file, whatever it holds: for the daemon's configuration, which says where the
/// limits are.
///
/// # Errors
/// It, or its directory, belongs to another than root or can be written by group or others; or it is not there.
pub fn only_roots(path: &Path) -> Result<(), Error> {
    only_owned_by(path, Uid::from_raw(0))
}

/// [`only_roots`] with another owner than root, for tests.
pub(super) fn only_owned_by(path: &Path, owner: Uid) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::failed(format!("can't look at {}: {error}", path.display()));
    let target = fs::canonicalize(path).map_err(failed)?;
    directories(path, &target, owner).map_err(failed)??;
    trusted(&target, &fs::metadata(&target).map_err(failed)?, owner)
}

/// The directories on both sides of a link.
fn directories(path: &Path, target: &Path, owner: Uid) -> std::io::Result<Result<(), Error>> {
    for file in [path, target] {
        let directory =
            file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Err(error) = trusted(directory, &fs::metadata(directory)?, owner) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
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
