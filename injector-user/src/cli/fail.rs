//! `injector fail`.

use clap::Args;

use super::{
    ask::{Common, needed, value},
    draw::CallDraw,
    faults::Ask,
};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec, Match, SyscallName},
};

/// Make a target's system calls return an error.
#[derive(Debug, Args)]
pub(super) struct Fail {
    /// Which calls: a name such as fsync, which stands for its family (open: open, openat, openat2 and creat).
    #[arg(value_name = "SYSCALL")]
    syscall: Option<String>,
    #[command(flatten)]
    common: Common,
    /// The error, by name: EIO, ENOSPC, EACCES.
    #[arg(long, value_name = "NAME", allow_negative_numbers = true)]
    errno: Option<String>,
    /// This call only, not its family.
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    draw: CallDraw,
    /// Only files at or below this absolute path; of open.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// By this rung only: kprobe, fmod-ret, lsm or cgroup [default: the best that this kernel has].
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

impl Ask for Fail {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let syscall: SyscallName = needed(
            "SYSCALL",
            self.syscall.as_deref(),
            "a fail needs a system call",
            "injector fail open ...",
        )?;
        let errno = needed("--errno", self.errno.as_deref(), "a fail needs an errno", "--errno EIO")?;
        let draw = self.draw.needed("fail", &self.common)?;
        let path = value("--path", self.path.as_deref())?;
        let rung = value("--rung", self.rung.as_deref())?;
        syscall.check(self.exact, path.is_some())?;
        let fault = FaultKind::Fail { syscall, exact: self.exact, errno, draw, path, rung };
        self.common.spec(fault, Match::default())
    }
}
