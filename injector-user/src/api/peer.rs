//! Who is on the other end of a connection.
//!
//! The kernel noted uid, groups and process of the peer when it connected (SO_PEERCRED, SO_PEERGROUPS,
//! SO_PEERPIDFD; unix(7)). The login uid is in `/proc/PID`, where PID may mean another process by now: it counts
//! only if the peer itself is alive after it was read, since a pid is not given away before its process is gone.

use std::{
    fs, io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{UnixCredentials, getsockopt, sockopt},
};

use crate::{error::Error, limits::Identity, session::Who};

/// The most groups a process can have (NGROUPS_MAX).
const MOST_GROUPS: usize = 65_536;

/// What the kernel said when the connection was accepted.
#[derive(Clone, Debug)]
pub(super) struct Peer(Option<Who>);

/// SO_PEERCRED.
pub(super) fn credentials(stream: impl AsFd) -> Option<UnixCredentials> {
    getsockopt(&stream, sockopt::PeerCredentials).ok()
}

impl Peer {
    /// The peer of `stream`, which said `credentials`.
    pub(super) fn of(stream: impl AsFd, credentials: Option<UnixCredentials>) -> Self {
        Self(credentials.map(|credentials| {
            let stream = stream.as_fd();
            let mut gids = vec![credentials.gid()];
            match groups(stream) {
                Ok(more) => gids.extend(more.iter().filter(|gid| **gid != credentials.gid())),
                Err(error) => tracing::warn!("the groups of a peer can't be read: {error}"),
            }
            // A peer in another pid namespace has none here.
            let pid = u32::try_from(credentials.pid()).unwrap_or(0);
            let identity = Identity { uid: credentials.uid(), gids, login: login(stream, &credentials) };
            Who { identity, pid }
        }))
    }

    /// The peer, for the audit log.
    pub(super) fn who(&self) -> Result<Who, Error> {
        self.0.clone().ok_or_else(|| Error::refused("the kernel does not say who you are"))
    }
}

/// Supplementary groups: SO_PEERGROUPS, Linux 4.13.
fn groups(stream: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut gids = vec![0_u32; 64];
    loop {
        match option(stream, libc::SO_PEERGROUPS, &mut gids) {
            Ok(count) => {
                gids.truncate(count);
                return Ok(gids);
            }
            // The kernel has more than there is room for.
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && gids.len() < MOST_GROUPS => {
                gids.resize(MOST_GROUPS, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

/// getsockopt(2) of 32-bit values; gives how many there were.
fn option(stream: BorrowedFd<'_>, name: libc::c_int, values: &mut [u32]) -> io::Result<usize> {
    let mut bytes = libc::socklen_t::try_from(size_of_val(values)).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `bytes` bytes to `values`, which is that long and lives on.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            values.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(bytes as usize / size_of::<u32>())
}

/// The peer's login uid; `None`: unset, or the peer is gone.
fn login(stream: BorrowedFd<'_>, credentials: &UnixCredentials) -> Option<u32> {
    let pid = credentials.pid();
    let process = match peer_pidfd(stream) {
        Ok(process) => process,
        // Before Linux 6.5. The pid may mean another process already; at least it must be the same user's.
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => pidfd(pid).ok().filter(|_| {
            fs::metadata(format!("/proc/{pid}")).is_ok_and(|facts| facts.uid() == credentials.uid())
        })?,
        // It has ended and was waited for.
        Err(_) => return None,
    };
    read_login(pid, process.as_fd())
}

/// The login uid of `pid`, which is the process behind `process` if that is alive afterwards.
fn read_login(pid: i32, process: BorrowedFd<'_>) -> Option<u32> {
    if pid <= 0 {
        return None;
    }
    let text = fs::read_to_string(format!("/proc/{pid}/loginuid")).ok()?;
    // The kernel's "unset" is -1 as u32.
    let login = text.trim().parse().ok().filter(|login| *login != u32::MAX);
    login.filter(|_| is_alive(process))
}

/// A pidfd is readable when its process has ended.
fn is_alive(process: BorrowedFd<'_>) -> bool {
    poll(&mut [PollFd::new(process, PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(0)
}

/// SO_PEERPIDFD, Linux 6.5: the very process that connected, whatever became of its pid.
fn peer_pidfd(stream: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut value = [0];
    option(stream, libc::SO_PEERPIDFD, &mut value)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(value[0].cast_signed()) })
}

fn pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests;
