//! `injector partition`.

use clap::Args;

use super::{
    ask::Common,
    faults::Ask,
    matching::{Matching, Way},
};
use crate::{
    error::Error,
    spec::{Direction, FaultKind, FaultSpec},
};

/// Lose everything between a target and its peers.
#[derive(Debug, Args)]
pub(super) struct Partition {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    matching: Matching,
}

impl Ask for Partition {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let direction = self.way.or(Direction::Both)?;
        self.common.spec(FaultKind::Partition { direction }, self.matching.given()?)
    }
}
