//! `injector rate`.

use clap::Args;

use super::{
    ask::{Common, needed, value},
    faults::Ask,
    matching::{Matching, Way},
};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Let no more than so much of a target's traffic through in a second.
#[derive(Debug, Args)]
pub(super) struct Rate {
    #[command(flatten)]
    common: Common,
    /// How much: 512kbit, 10mbit, 1gbit.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    rate: Option<String>,
    /// How much may go at once after a pause: 32KiB [default: chosen for the rate].
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    burst: Option<String>,
    /// How much may wait: 256KiB; what is over is lost [default: chosen for the rate].
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    queue: Option<String>,
    /// Every flow has the rate for itself; else all share it.
    #[arg(long)]
    per_flow: bool,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    matching: Matching,
}

impl Ask for Rate {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let kind = FaultKind::Rate {
            rate: needed("--rate", self.rate.as_deref(), "a rate needs to know how much", "--rate 10mbit")?,
            burst: value("--burst", self.burst.as_deref())?,
            queue: value("--queue", self.queue.as_deref())?,
            per_flow: self.per_flow,
            direction: self.way.given()?,
        };
        self.common.spec(kind, self.matching.given()?)
    }
}
