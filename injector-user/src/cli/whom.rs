//! The flags that all faults have.

use clap::Args;

use super::ask::{value, values};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec, Match, TargetSpec},
};

/// Whom, how long, under which name.
#[derive(Debug, Args)]
pub(super) struct Whom {
    /// Whose packets or calls, with all that is below: cgroup:/PATH (with * and ?), unit:NAME, container:ID_OR_NAME,
    /// pod:NAMESPACE/NAME, pod:UID or pid:N; repeat it for several.
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

impl Whom {
    /// The fault of `kind`, not checked yet; `what` needs the targets.
    pub(super) fn spec(&self, what: &str, kind: FaultKind, matching: Match) -> Result<FaultSpec, Error> {
        let targets: Vec<TargetSpec> = values("--target", &self.targets)?;
        if targets.is_empty() {
            return Err(Error::usage(format!("a {what} needs a target"))
                .hint("--target unit:nginx.service or --target cgroup:/app.slice"));
        }
        Ok(FaultSpec {
            name: value("--name", self.name.as_deref())?,
            targets,
            fault: kind,
            matching,
            ttl: value("--for", self.ttl.as_deref())?,
            budget: self.budget.as_deref().map(count).transpose()?,
            ramp: None,
            shadow: self.shadow,
            hypothesis: value("--hypothesis", self.hypothesis.as_deref())?,
            ticket: value("--ticket", self.ticket.as_deref())?,
            abort: values("--abort-if", &self.abort)?,
        })
    }
}

fn count(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| {
        Error::usage(format!("--budget: `{}` is not a count", text.escape_debug()))
            .hint("write a whole number of packets or calls, such as 1000")
    })
}
