//! The flags that say which calls a `fail` means.

use clap::Args;
use nix::unistd::User;

use super::ask::{value, values};
use crate::{
    error::Error,
    spec::{CallMatch, Match},
};

/// Which calls; one must fit all that is given.
#[derive(Debug, Args)]
pub(super) struct CallMatching {
    /// Only calls of this real user: a number, or a name of this node.
    #[arg(long, value_name = "USER", allow_negative_numbers = true)]
    uid: Option<String>,
    /// Only calls of threads with this name (/proc/PID/task/TID/comm).
    #[arg(long, value_name = "NAME")]
    comm: Option<String>,
    /// Only calls of processes with this name: that of their first thread (/proc/PID/comm).
    #[arg(long, value_name = "NAME")]
    process: Option<String>,
    /// Only with this argument, numbered from 0: N=VALUE, N!=VALUE, N<VALUE, N>VALUE, or N&FLAGS (all of them set). A
    /// value is a number (0x and 0o as well), or names of flags: '1&O_CREAT|O_EXCL'; repeat it for two.
    #[arg(long, value_name = "TEST", allow_negative_numbers = true)]
    arg: Vec<String>,
    /// Only on descriptors of files whose path is this one or below it, or fits it as for --path.
    #[arg(long, value_name = "PATH")]
    fd_path: Option<String>,
    /// Only on descriptors of this: file, directory, pipe, socket or device.
    #[arg(long, value_name = "WHAT")]
    fd: Option<String>,
    /// Only to CIDR or NAME, or on sockets that are connected to it, with :PORT or :LOW-HIGH behind it or alone; repeat
    /// it for several.
    #[arg(long, visible_alias = "to", value_name = "PEER")]
    peer: Vec<String>,
    /// But not to these, written as for --peer; repeat it for several.
    #[arg(long, value_name = "PEER")]
    except: Vec<String>,
}

impl CallMatching {
    /// What was asked.
    pub(super) fn given(&self) -> Result<CallMatch, Error> {
        Ok(CallMatch {
            uid: self.uid.as_deref().map(user).transpose()?,
            comm: value("--comm", self.comm.as_deref())?,
            process: value("--process", self.process.as_deref())?,
            arg: values("--arg", &self.arg)?,
            fd_path: value("--fd-path", self.fd_path.as_deref())?,
            fd: value("--fd", self.fd.as_deref())?,
        })
    }

    /// Whom the calls are for.
    pub(super) fn peers(&self) -> Result<Match, Error> {
        Ok(Match {
            peer: values("--peer", &self.peer)?,
            except: values("--except", &self.except)?,
            ..Match::default()
        })
    }
}

/// A user's number. The daemon takes numbers only: names are what this node's user database says they are.
fn user(text: &str) -> Result<u32, Error> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let known = User::from_name(text).ok().flatten();
    known.map(|user| user.uid.as_raw()).ok_or_else(|| {
        Error::usage(format!("--uid: there is no user `{}` on this node", text.escape_debug()))
            .hint("write a number, or a name that `getent passwd` has")
    })
}
