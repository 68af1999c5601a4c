//! `injector drop`.

use clap::Args;

use super::ask::{Common, value};
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec},
};

/// Lose a share of a target's packets.
#[derive(Debug, Args)]
pub(super) struct Drop {
    #[command(flatten)]
    common: Common,
    /// The share of the matching packets, down to 0.0001; nothing defaults to 100.
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    percent: Option<String>,
    /// Only packets to or from CIDR[:PORT]: 10.0.0.5:5432, [2001:db8::/32]:443, :443.
    #[arg(long, visible_alias = "to", value_name = "PEER")]
    peer: Option<String>,
    /// egress (what the target sends), ingress or both [default: egress].
    #[arg(long, value_name = "WAY")]
    direction: Option<String>,
}

impl Drop {
    /// What was asked, checked.
    pub(super) fn spec(&self) -> Result<FaultSpec, Error> {
        let percent = self.common.percent(self.percent.as_deref(), "a drop needs a frequency")?;
        let direction = value("--direction", self.direction.as_deref())?.unwrap_or_default();
        let peer = value("--peer", self.peer.as_deref())?;
        self.common.spec(FaultKind::Drop { percent, direction }, peer)
    }
}
