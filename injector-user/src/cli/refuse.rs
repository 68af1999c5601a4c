//! `injector refuse`.

use clap::Args;

use super::{
    ask::{Common, value},
    draw::DrawFlags,
    faults::Ask,
    matching::{Matching, Way},
};
use crate::{
    error::Error,
    spec::{Count, FaultKind, FaultSpec},
};

/// Refuse a target's new TCP connections: ECONNREFUSED at once.
#[derive(Debug, Args)]
pub(super) struct Refuse {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    draw: DrawFlags,
    /// Let so many new connections a second through, and refuse those above.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    above: Option<String>,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    matching: Matching,
}

impl Ask for Refuse {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let above: Option<Count> = value("--above", self.above.as_deref())?;
        let kind = FaultKind::Refuse {
            draw: self.draw.one(&self.common)?,
            above: above.map(Count::get),
            direction: self.way.given()?,
        };
        self.common.spec(kind, self.matching.given()?)
    }
}
