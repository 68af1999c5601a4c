//! `injector drop`.

use clap::Args;

use super::{faults::Ask, packets::Packets};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Lose a share of a target's packets.
#[derive(Debug, Args)]
pub(super) struct Drop {
    #[command(flatten)]
    packets: Packets,
    /// Tell the sender: its call returns EPERM (egress only).
    #[arg(long)]
    local_error: bool,
}

impl Ask for Drop {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let local_error = self.local_error;
        self.packets.spec("drop", |draw, direction| FaultKind::Drop { draw, direction, local_error })
    }
}
