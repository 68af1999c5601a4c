//! `injector garble`.

use clap::Args;

use super::{faults::Ask, packets::Packets};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Change a target's payloads and make the checksums right: only the program can find it.
#[derive(Debug, Args)]
pub(super) struct Garble {
    #[command(flatten)]
    packets: Packets,
}

impl Ask for Garble {
    fn spec(&self) -> Result<FaultSpec, Error> {
        self.packets.spec("garble", |draw, direction| FaultKind::Garble { draw, direction })
    }
}
