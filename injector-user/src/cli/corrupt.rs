//! `injector corrupt`.

use clap::Args;

use super::{faults::Ask, packets::Packets};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Flip a bit of a target's packets on the wire: the receiver's checksum finds it.
#[derive(Debug, Args)]
pub(super) struct Corrupt {
    #[command(flatten)]
    packets: Packets,
}

impl Ask for Corrupt {
    fn spec(&self) -> Result<FaultSpec, Error> {
        self.packets.spec("corrupt", |draw, direction| FaultKind::Corrupt { draw, direction })
    }
}
