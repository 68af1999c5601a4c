//! The JSON form of a fault before its keys are matched with its kind.

use super::TargetSpec;
use super::{
    AbortCondition, Direction, Errno, FaultKind, FaultName, FaultSpec, PathPrefix, Peer, Percent, Ramp, Span,
    SyscallName, Words,
};
use crate::error::Error;
use serde::Deserialize;

/// Every key of every kind, all optional: so that an unknown key, a missing one and one of another kind each get
/// their own answer (serde's `flatten` can't refuse unknown keys).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpec {
    name: Option<FaultName>,
    #[serde(default)]
    targets: Vec<TargetSpec>,
    kind: Option<String>,
    percent: Option<Percent>,
    direction: Option<Direction>,
    by: Option<Span>,
    jitter: Option<Span>,
    syscall: Option<SyscallName>,
    errno: Option<Errno>,
    path: Option<PathPrefix>,
    peer: Option<Peer>,
    #[serde(rename = "for")]
    ttl: Option<Span>,
    budget: Option<u64>,
    ramp: Option<Ramp>,
    #[serde(default)]
    shadow: bool,
    hypothesis: Option<Words>,
    ticket: Option<Words>,
    #[serde(default)]
    abort: Vec<AbortCondition>,
}

impl RawSpec {
    /// Refuses the first key that was given and is not one of `own`.
    fn only(&self, verb: &str, own: &[&str]) -> Result<(), Error> {
        let given = [
            ("percent", self.percent.is_some()),
            ("direction", self.direction.is_some()),
            ("by", self.by.is_some()),
            ("jitter", self.jitter.is_some()),
            ("syscall", self.syscall.is_some()),
            ("errno", self.errno.is_some()),
            ("path", self.path.is_some()),
        ];
        match given.into_iter().find(|(key, given)| *given && !own.contains(key)) {
            None => Ok(()),
            Some((key, _)) => Err(Error::usage(format!("`{key}` does not belong to a {verb}"))
                .hint(format!("a {verb} has {}", own.join(", ")))),
        }
    }

    /// The share; of a ramp, the one that it goes up to: that is what the limits must allow.
    fn share(&self) -> Option<Percent> {
        self.percent.or(self.ramp.map(|ramp| ramp.to))
    }

    fn kind(&self) -> Result<FaultKind, Error> {
        let frequency = "nothing defaults to 100 %: write a percent such as 5";
        match self.kind.as_deref() {
            Some("drop") => {
                self.only("drop", &["percent", "direction"])?;
                let percent = need("drop", "percent", self.share(), frequency)?;
                Ok(FaultKind::Drop { percent, direction: self.direction.unwrap_or_default() })
            }
            Some("delay") => {
                self.only("delay", &["by", "jitter"])?;
                let by = need("delay", "by", self.by, "how much later: such as 80ms")?;
                Ok(FaultKind::Delay { by, jitter: self.jitter })
            }
            Some("fail") => {
                self.only("fail", &["syscall", "errno", "percent", "path"])?;
                let syscall = need("fail", "syscall", self.syscall, "which calls: open")?;
                let errno = need("fail", "errno", self.errno, "a name such as EIO")?;
                let percent = need("fail", "percent", self.share(), frequency)?;
                Ok(FaultKind::Fail { syscall, errno, percent, path: self.path.clone() })
            }
            Some(other) => Err(Error::usage(format!("`{}` is not a kind of fault", other.escape_debug()))
                .hint("write drop, delay or fail")),
            None => Err(Error::usage("a fault needs a `kind`").hint("write drop, delay or fail")),
        }
    }
}

fn need<T>(verb: &str, key: &str, value: Option<T>, hint: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::usage(format!("a {verb} needs `{key}`")).hint(hint))
}

impl TryFrom<RawSpec> for FaultSpec {
    type Error = Error;

    fn try_from(raw: RawSpec) -> Result<Self, Error> {
        let fault = raw.kind()?;
        let RawSpec { name, targets, peer, ttl, budget, ramp, shadow, hypothesis, ticket, abort, .. } = raw;
        let spec =
            FaultSpec { name, targets, fault, peer, ttl, budget, ramp, shadow, hypothesis, ticket, abort };
        spec.validate()?;
        Ok(spec)
    }
}
