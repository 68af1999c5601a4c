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
    spec::{FaultKind, FaultSpec, Given, SyscallName},
};

/// Make a target's system calls return an error.
#[derive(Debug, Args)]
pub(super) struct Fail {
    /// Which calls: a name such as fsync, which stands for its family (open: open, openat, openat2 and creat), or a group:
    /// @disk, @network, @memory, @process.
    #[arg(value_name = "SYSCALL")]
    syscall: Option<String>,
    #[command(flatten)]
    common: Common,
    /// The error, by name: EIO, ENOSPC, EACCES.
    #[arg(long, value_name = "NAME", allow_negative_numbers = true)]
    errno: Option<String>,
    /// One of several errors, by weight: EIO=70,ENOSPC=30.
    #[arg(long, value_name = "NAME=WEIGHT,...")]
    outcome: Option<String>,
    /// No error: 0, as if nothing could be read or written; of read- and write-like calls.
    #[arg(long, value_name = "0", allow_negative_numbers = true)]
    short: Option<String>,
    /// This call only, not its family.
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    draw: CallDraw,
    /// The same number, 1 or more, takes the same of the matching calls again; with --percent or --bursts.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<String>,
    /// Only with this absolute path among the arguments, or one below it; with * and ? the whole path must fit, /** at
    /// the end is all below.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    which: CallMatching,
    /// By this rung only: kprobe, fmod-ret, lsm, security or cgroup [default: the best that this kernel has].
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
        let given = Given {
            errno: value("--errno", self.errno.as_deref())?,
            outcome: value("--outcome", self.outcome.as_deref())?,
            short: value("--short", self.short.as_deref())?,
        };
        let returns = given.one()?.ok_or_else(|| {
            Error::usage("a fail needs an errno").hint("--errno EIO, or one of --outcome and --short 0")
        })?;
        let draw = self.draw.needed("fail", &self.common)?;
        let path = value("--path", self.path.as_deref())?;
        syscall.check(self.exact)?;
        let (seed, rung) = (value("--seed", self.seed.as_deref())?, value("--rung", self.rung.as_deref())?);
        let (exact, which) = (self.exact, self.which.given()?);
        let kind = FaultKind::Fail { syscall, exact, returns, draw, seed, path, which, rung };
        self.common.spec(kind, self.which.peers()?)
    }
}
