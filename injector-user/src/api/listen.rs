//! The daemon's socket as a file: made, guarded, replaced when it is stale.

use std::{
    fs,
    io::ErrorKind,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{
            fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _},
            net::UnixStream as StdStream,
        },
    },
    path::Path,
};

use nix::{
    sys::{
        socket::{
            AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, getsockopt, listen, socket, sockopt,
        },
        stat::{Mode, fchmod},
    },
    unistd::{Gid, Group, chown},
};
use tokio::net::UnixListener;

use crate::error::Error;

/// Who is in this group may use the daemon.
pub const GROUP: &str = "injector";

/// The process that answers on `path`, if any does.
///
/// # Errors
/// The path can't be asked (a missing right).
pub fn is_answered_by(path: &Path) -> Result<Option<i32>, Error> {
    match StdStream::connect(path) {
        Ok(stream) => {
            Ok(Some(getsockopt(&stream, sockopt::PeerCredentials).map_or(0, |credentials| credentials.pid())))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(Error::failed(format!("can't look at the socket {}: {error}", path.display()))),
    }
}

/// Listens on `path`; a socket that nobody answers is replaced. Needs a tokio runtime.
///
/// Its file is made with mode 0600, whatever the umask; it gets its group, then 0660 if there is that group, and
/// only then listens. At no moment can anybody connect who could not at the end.
pub(super) fn open(path: &Path) -> Result<UnixListener, Error> {
    let shown = path.display();
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Error::failed(format!("can't {what} the socket {shown}: {error}"))
            .hint("the daemon runs as root; `socket` in the configuration names another path")
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)
            .map_err(|error| failed("make the directory of", &error))?;
    }
    remove_stale(path)?;
    let owned: OwnedFd =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)
            .map_err(|error| failed("make", &error))?;
    // bind(2) gives the file the mode of the socket's own inode (unix_bind_bsd in net/unix/af_unix.c), and fchmod(2)
    // sets that.
    fchmod(&owned, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|error| failed("guard", &error))?;
    let address = UnixAddr::new(path).map_err(|error| failed("name", &error))?;
    bind(owned.as_raw_fd(), &address).map_err(|error| failed("bind", &error))?;
    let group = Group::from_name(GROUP).ok().flatten().map(|group| group.gid);
    let given = group.is_some_and(|gid: Gid| chown(path, None, Some(gid)).is_ok());
    if given {
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))
            .map_err(|error| failed("guard", &error))?;
    }
    let backlog = Backlog::new(128).map_err(|error| failed("listen on", &error))?;
    listen(&owned, backlog).map_err(|error| failed("listen on", &error))?;
    UnixListener::from_std(owned.into()).map_err(|error| failed("listen on", &error))
}

fn remove_stale(path: &Path) -> Result<(), Error> {
    let shown = path.display();
    let Ok(facts) = fs::symlink_metadata(path) else { return Ok(()) };
    if !facts.file_type().is_socket() {
        return Err(Error::failed(format!("{shown} is in the way: it is no socket")).hint("move it away"));
    }
    if let Some(pid) = is_answered_by(path)? {
        return Err(Error::failed(format!("a daemon answers on {shown} already: process {pid}"))
            .hint(format!("stop it first: kill {pid}")));
    }
    fs::remove_file(path)
        .map_err(|error| Error::failed(format!("can't remove the stale socket {shown}: {error}")))
}
