//! `injector reorder`.

use clap::Args;

use super::{ask::value, faults::Ask, packets::Packets};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Send some of a target's packets later, so that those behind overtake them.
#[derive(Debug, Args)]
pub(super) struct Reorder {
    #[command(flatten)]
    packets: Packets,
    /// How much later [default: 10ms].
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    by: Option<String>,
}

impl Ask for Reorder {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let by = value("--by", self.by.as_deref())?.unwrap_or(FaultKind::REORDER_BY);
        self.packets.spec("reorder", |draw, direction| FaultKind::Reorder { draw, by, direction })
    }
}
