//! The flags that all faults have.

use std::str::FromStr;

use clap::Args;

use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec, Peer, Percent, Ramp},
};

/// Whom, how long, under which name.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Whose packets or calls: cgroup:/PATH or unit:NAME, with all that is below; repeat it for several.
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// How long: 500ms, 30s, 1m30s [default: 30s].
    #[arg(long = "for", visible_alias = "duration", value_name = "TIME", allow_negative_numbers = true)]
    ttl: Option<String>,
    /// A name of your own instead of one like drop-7k3.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// End it after so many faulted packets or calls.
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    budget: Option<String>,
    /// Raise the share step by step: FROM..TO/TIME, such as 1%..20%/60s (drop and fail).
    #[arg(long, value_name = "RAMP")]
    ramp: Option<String>,
    /// Match and count, and do nothing; `injector arm ID` makes it real.
    #[arg(long)]
    shadow: bool,
    /// What you expect to happen, for the audit log; the node's limits may require it.
    #[arg(long, value_name = "TEXT")]
    hypothesis: Option<String>,
    /// Where it was agreed upon, for the audit log; the node's limits may require it.
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// End it when this comes true, such as target.rtt_p99>250ms or control.retransmits>5%; repeat it for several.
    #[arg(long = "abort-if", value_name = "COND")]
    abort: Vec<String>,
}

impl Common {
    /// The share: `--percent`, or what a ramp goes up to.
    pub(super) fn percent(&self, percent: Option<&str>, missing: &str) -> Result<Percent, Error> {
        let ramp: Option<Ramp> = value("--ramp", self.ramp.as_deref())?;
        match (value("--percent", percent)?, ramp) {
            (Some(percent), _) => Ok(percent),
            (None, Some(ramp)) => Ok(ramp.to),
            (None, None) => Err(Error::usage(missing).hint("--percent 5")),
        }
    }

    /// The fault of `kind`, checked.
    pub(super) fn spec(&self, kind: FaultKind, peer: Option<Peer>) -> Result<FaultSpec, Error> {
        let targets = self
            .targets
            .iter()
            .map(|text| text.parse().map_err(|error| of_flag("--target", error)))
            .collect::<Result<Vec<_>, Error>>()?;
        if targets.is_empty() {
            let verb = kind.verb();
            return Err(Error::usage(format!("a {verb} needs a target"))
                .hint("--target unit:nginx.service or --target cgroup:/app.slice"));
        }
        let spec = FaultSpec {
            name: value("--name", self.name.as_deref())?,
            targets,
            fault: kind,
            peer,
            ttl: value("--for", self.ttl.as_deref())?,
            budget: self.budget.as_deref().map(count).transpose()?,
            ramp: value("--ramp", self.ramp.as_deref())?,
            shadow: self.shadow,
            hypothesis: value("--hypothesis", self.hypothesis.as_deref())?,
            ticket: value("--ticket", self.ticket.as_deref())?,
            abort: self
                .abort
                .iter()
                .map(|text| text.parse().map_err(|error| of_flag("--abort-if", error)))
                .collect::<Result<_, Error>>()?,
        };
        spec.validate()?;
        Ok(spec)
    }
}

/// The value of a flag, read by its own type; the flag's name stands before what is wrong with it.
pub(super) fn value<T: FromStr<Err = Error>>(flag: &str, text: Option<&str>) -> Result<Option<T>, Error> {
    text.map(|text| text.parse().map_err(|error| of_flag(flag, error))).transpose()
}

/// The value of a flag that `verb` can't do without.
pub(super) fn needed<T: FromStr<Err = Error>>(
    flag: &str,
    text: Option<&str>,
    missing: &str,
    hint: &str,
) -> Result<T, Error> {
    value(flag, text)?.ok_or_else(|| Error::usage(missing).hint(hint))
}

fn of_flag(flag: &str, error: Error) -> Error {
    Error { message: format!("{flag}: {}", error.message), ..error }
}

fn count(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| {
        Error::usage(format!("--budget: `{}` is not a count", text.escape_debug()))
            .hint("write a whole number of packets or calls, such as 1000")
    })
}
