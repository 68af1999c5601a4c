//! `injector fail`.

use clap::Args;

use super::{
    ask::{Common, needed, value},
    faults::Ask,
};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec, Match},
};

/// Make a target's system calls return an error.
#[derive(Debug, Args)]
pub(super) struct Fail {
    /// Which calls: open (stands for open, openat, openat2 and creat).
    #[arg(value_name = "SYSCALL")]
    syscall: Option<String>,
    #[command(flatten)]
    common: Common,
    /// The error, by name: EIO, ENOSPC, EACCES.
    #[arg(long, value_name = "NAME", allow_negative_numbers = true)]
    errno: Option<String>,
    /// The share of the matching calls, down to 0.0001; nothing defaults to 100.
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    percent: Option<String>,
    /// Only files at or below this absolute path.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
}

impl Ask for Fail {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let syscall = needed(
            "SYSCALL",
            self.syscall.as_deref(),
            "a fail needs a system call",
            "injector fail open ...",
        )?;
        let errno = needed("--errno", self.errno.as_deref(), "a fail needs an errno", "--errno EIO")?;
        let percent = self.common.percent(self.percent.as_deref(), "a fail needs a frequency")?;
        let path = value("--path", self.path.as_deref())?;
        self.common.spec(FaultKind::Fail { syscall, errno, percent, path }, Match::default())
    }
}
