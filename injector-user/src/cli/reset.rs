//! `injector reset`.

use clap::Args;

use super::{faults::Ask, packets::Packets};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// End a target's TCP connections with forged RSTs to both ends.
#[derive(Debug, Args)]
pub(super) struct Reset {
    #[command(flatten)]
    packets: Packets,
}

impl Ask for Reset {
    fn spec(&self) -> Result<FaultSpec, Error> {
        self.packets.spec("reset", |draw, direction| FaultKind::Reset { draw, direction })
    }
}
