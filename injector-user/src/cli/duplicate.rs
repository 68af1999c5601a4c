//! `injector duplicate`.

use clap::Args;

use super::{faults::Ask, packets::Packets};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Send a target's packets twice.
#[derive(Debug, Args)]
pub(super) struct Duplicate {
    #[command(flatten)]
    packets: Packets,
}

impl Ask for Duplicate {
    fn spec(&self) -> Result<FaultSpec, Error> {
        self.packets.spec("duplicate", |draw, direction| FaultKind::Duplicate { draw, direction })
    }
}
