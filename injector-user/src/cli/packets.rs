//! The flags of the faults that take some of the matching packets.

use clap::Args;

use super::{
    ask::Common,
    draw::DrawFlags,
    matching::{Matching, Way},
};
use crate::{
    error::Error,
    spec::{Direction, Draw, FaultKind, FaultSpec},
};

/// Whom, which packets, how many of them, and which way they go.
#[derive(Debug, Args)]
pub(super) struct Packets {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    draw: DrawFlags,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    matching: Matching,
}

impl Packets {
    /// The fault of the kind that `kind` makes, checked.
    pub(super) fn spec(
        &self,
        verb: &str,
        kind: impl FnOnce(Draw, Direction) -> FaultKind,
    ) -> Result<FaultSpec, Error> {
        let draw = self.draw.needed(verb, &self.common)?;
        self.common.spec(kind(draw, self.way.given()?), self.matching.given()?)
    }
}
