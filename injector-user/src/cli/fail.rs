//! `injector fail`.

use clap::Args;

use super::{
    ask::{Common, needed, value},
    call_matching::CallMatching,
    draw::CallDraw,
    faults::Ask,
};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec, SyscallName},
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
    /// Only with this absolute path among the arguments, or one below it; with * and ? the whole path must fit, /** at
    /// the end is all below.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    which: CallMatching,
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
        syscall.check(self.exact)?;
        let which = self.which.given()?;
        let kind = FaultKind::Fail { syscall, exact: self.exact, errno, draw, path, which };
        self.common.spec(kind, self.which.peers()?)
    }
}
