//! `injector delay`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    ask::{Common, needed, of_flag, value},
    draw::DrawFlags,
    faults::Ask,
    matching::{Matching, Way},
};
use crate::{
    error::Error,
    spec::{Distribution, FaultKind, FaultSpec, LatencyTable},
};

/// So many quantiles keep the shape of measured latencies, and fit into a request.
const QUANTILES: usize = 1_000;

/// Send a target's packets later.
#[derive(Debug, Args)]
pub(super) struct Delay {
    #[command(flatten)]
    common: Common,
    /// How much later: 500us, 80ms, 1s.
    #[arg(long, visible_alias = "latency", value_name = "TIME", allow_negative_numbers = true)]
    by: Option<String>,
    /// Vary each packet's delay, both ways: by up to so much, or with this standard deviation.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    jitter: Option<String>,
    /// How much a packet's delay is like the one before; little comes of it with a jitter below 500ms.
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    correlation: Option<String>,
    /// How delays vary: uniform, normal, pareto or paretonormal [default: uniform].
    #[arg(long, value_name = "SHAPE")]
    distribution: Option<String>,
    /// Vary delays as those measured ones: one latency a line, such as 12ms. They also give --by and --jitter.
    #[arg(long, value_name = "FILE", conflicts_with = "distribution")]
    measured: Option<PathBuf>,
    /// Let no packet overtake another.
    #[arg(long)]
    in_order: bool,
    /// Let no more than so much through in a second besides: 512kbit, 10mbit. Keeps packets in order.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    rate: Option<String>,
    #[command(flatten)]
    draw: DrawFlags,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    matching: Matching,
}

impl Ask for Delay {
    fn spec(&self) -> Result<FaultSpec, Error> {
        let (mut by, mut jitter) = (self.by.as_deref(), value("--jitter", self.jitter.as_deref())?);
        let distribution = match &self.measured {
            Some(file) => Distribution::Table(measured(file)?),
            None => value("--distribution", self.distribution.as_deref())?.unwrap_or_default(),
        };
        let mean;
        if let Distribution::Table(table) = &distribution {
            mean = table.mean().to_string();
            by = by.or(Some(&mean));
            jitter = jitter.or(Some(table.deviation()));
        }
        let kind = FaultKind::Delay {
            by: needed("--by", by, "a delay needs to know how much later", "--by 80ms")?,
            jitter,
            correlation: value("--correlation", self.correlation.as_deref())?,
            distribution,
            in_order: self.in_order,
            rate: value("--rate", self.rate.as_deref())?,
            draw: self.draw.plain()?,
            direction: self.way.given()?,
        };
        self.common.spec(kind, self.matching.given()?)
    }
}

fn measured(file: &Path) -> Result<LatencyTable, Error> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::usage(format!("--measured: {} can't be read: {error}", file.display()))
            .hint("a text file with one latency a line, such as 12ms")
    })?;
    let table: LatencyTable = text.parse().map_err(|error| of_flag("--measured", error))?;
    table.quantiles(QUANTILES).map_err(|error| of_flag("--measured", error))
}
