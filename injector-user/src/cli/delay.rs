//! `injector delay`.

use clap::Args;

use super::ask::{Common, needed, value};
use crate::{
    error::Error,
    spec::{Direction, FaultKind, FaultSpec},
};

/// Send a target's packets later.
#[derive(Debug, Args)]
pub(super) struct Delay {
    #[command(flatten)]
    common: Common,
    /// How much later: 500us, 80ms, 1s.
    #[arg(long, visible_alias = "latency", value_name = "TIME", allow_negative_numbers = true)]
    by: Option<String>,
    /// Vary each packet's delay by up to so much, both ways.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    jitter: Option<String>,
    /// Only packets to CIDR[:PORT]: 10.0.0.5:5432, [2001:db8::/32]:443, :443.
    #[arg(long, visible_alias = "to", value_name = "PEER")]
    peer: Option<String>,
    /// egress: what the target sends is delayed [default: egress].
    #[arg(long, value_name = "WAY")]
    direction: Option<String>,
}

impl Delay {
    /// What was asked, checked.
    pub(super) fn spec(&self) -> Result<FaultSpec, Error> {
        let by = needed("--by", self.by.as_deref(), "a delay needs to know how much later", "--by 80ms")?;
        let jitter = value("--jitter", self.jitter.as_deref())?;
        let direction: Direction = value("--direction", self.direction.as_deref())?.unwrap_or_default();
        if direction.ingress() {
            return Err(Error::usage(format!("a delay can't act on {direction}")).hint(
                "what the target sends can be delayed: leave out --direction, or delay the peer's side",
            ));
        }
        let peer = value("--peer", self.peer.as_deref())?;
        self.common.spec(FaultKind::Delay { by, jitter }, peer)
    }
}
