//! `injector dns`.

use clap::Args;

use super::{
    ask::{Common, needed, value, values},
    draw::DrawFlags,
    faults::Ask,
    matching::Matching,
};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Answer a target's questions for names wrongly, late or not at all (port 53).
#[derive(Debug, Args)]
pub(super) struct Dns {
    /// Which names are asked for: example.com, *.example.com (all below it) or *.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    common: Common,
    /// What becomes of the question: lost, delayed, nxdomain, servfail, empty or reset.
    #[arg(long, value_name = "ANSWER")]
    answer: Option<String>,
    /// How much later; only with --answer delayed.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    by: Option<String>,
    #[command(flatten)]
    draw: DrawFlags,
    #[command(flatten)]
    matching: Matching,
}

impl Ask for Dns {
    fn spec(&self) -> Result<FaultSpec, Error> {
        if self.names.is_empty() {
            return Err(Error::usage("a dns needs to know which names")
                .hint("injector dns '*.example.com' ..., or '*' for all"));
        }
        let kind = FaultKind::Dns {
            names: values("NAME", &self.names)?,
            answer: needed("--answer", self.answer.as_deref(), "a dns needs an answer", "--answer nxdomain")?,
            by: value("--by", self.by.as_deref())?,
            draw: self.draw.needed("dns", &self.common)?,
        };
        self.common.spec(kind, self.matching.given()?)
    }
}
