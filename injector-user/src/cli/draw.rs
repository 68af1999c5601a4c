//! The flags that say which of the matching packets a fault takes.

use clap::Args;

use super::ask::{Common, value};
use crate::{
    error::Error,
    spec::{Draw, Draws},
};

/// Which of the matching packets: one of these.
#[derive(Debug, Args)]
pub(super) struct DrawFlags {
    /// Each matching packet with this probability, down to 0.0001; nothing defaults to 100.
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    percent: Option<String>,
    /// All packets of this share of the flows; the same flows for as long as the fault lives.
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    flows: Option<String>,
    /// In bursts (Gilbert-Elliott): P,R[,BAD[,GOOD]] in percents, such as 1%,30%: into a burst, out of it, taken within
    /// [default: 100%], taken outside [default: 0%].
    #[arg(long, value_name = "MODEL", allow_negative_numbers = true)]
    bursts: Option<String>,
    /// Every Nth matching packet.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    every: Option<String>,
    /// The first N matching packets.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    first: Option<String>,
}

impl DrawFlags {
    fn given(&self) -> Result<Draws, Error> {
        Ok(Draws {
            percent: value("--percent", self.percent.as_deref())?,
            flows: value("--flows", self.flows.as_deref())?,
            bursts: value("--bursts", self.bursts.as_deref())?,
            every: value("--every", self.every.as_deref())?,
            first: value("--first", self.first.as_deref())?,
            after: None,
            per_second: None,
        })
    }

    /// What was given, without a look at a ramp.
    pub(super) fn plain(&self) -> Result<Option<Draw>, Error> {
        self.given()?.one()
    }

    /// What was given, or what a ramp goes up to.
    pub(super) fn one(&self, common: &Common) -> Result<Option<Draw>, Error> {
        self.given()?.one_or_ramp(common.ramp()?)
    }

    /// [`one`](Self::one), which `verb` can't do without.
    pub(super) fn needed(&self, verb: &str, common: &Common) -> Result<Draw, Error> {
        self.one(common)?.ok_or_else(|| {
            Error::usage(format!("a {verb} needs a frequency"))
                .hint("--percent 5, or one of --flows, --bursts, --every and --first")
        })
    }
}

/// Which of the matching calls: one of these.
#[derive(Debug, Args)]
pub(super) struct CallDraw {
    /// Each matching call with this probability, down to 0.0001; nothing defaults to 100.
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    percent: Option<String>,
    /// In bursts (Gilbert-Elliott): P,R[,BAD[,GOOD]] in percents, such as 1%,30%: into a burst, out of it, taken within
    /// [default: 100%], taken outside [default: 0%].
    #[arg(long, value_name = "MODEL", allow_negative_numbers = true)]
    bursts: Option<String>,
    /// Every Nth matching call.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    every: Option<String>,
    /// The first N matching calls.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    first: Option<String>,
    /// All matching calls but the first N.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    after: Option<String>,
    /// The first N matching calls in every second.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    per_second: Option<String>,
}

impl CallDraw {
    /// What was given, or what a ramp goes up to; `verb` can't do without.
    pub(super) fn needed(&self, verb: &str, common: &Common) -> Result<Draw, Error> {
        let given = Draws {
            percent: value("--percent", self.percent.as_deref())?,
            flows: None,
            bursts: value("--bursts", self.bursts.as_deref())?,
            every: value("--every", self.every.as_deref())?,
            first: value("--first", self.first.as_deref())?,
            after: value("--after", self.after.as_deref())?,
            per_second: value("--per-second", self.per_second.as_deref())?,
        };
        given.one_or_ramp(common.ramp()?)?.ok_or_else(|| {
            Error::usage(format!("a {verb} needs a frequency"))
                .hint("--percent 5, or one of --bursts, --every, --first, --after and --per-second")
        })
    }
}
