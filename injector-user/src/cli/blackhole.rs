//! `injector blackhole`.

use clap::Args;

use super::{
    ask::Common,
    faults::Ask,
    matching::{Matching, Way},
};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Let a target's new TCP connections vanish: their SYNs are lost, and there is no answer.
#[derive(Debug, Args)]
pub(super) struct Blackhole {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    matching: Matching,
}

impl Ask for Blackhole {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let direction = self.way.given()?;
        self.common.spec(FaultKind::Blackhole { direction }, self.matching.given()?)
    }
}
