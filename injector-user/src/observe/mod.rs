//! What was seen: raw numbers first, everything shown is derived from them by pure functions, so that stream,
//! Prometheus, TUI and report cannot disagree.

mod achieved;
mod address;
mod amplification;
mod asked_history;
mod cgroups;
mod changes;
mod delay;
mod dependencies;
mod failures;
pub mod figures;
mod flows;
mod freed;
pub mod golden;
mod guard;
mod history;
mod kinds;
mod lags;
mod lately;
mod lost;
pub mod owners;
mod peers;
mod quantile;
mod rate;
mod recent;
mod recovery;
pub mod saturation;
mod signals;
mod snapshot;
mod timeline;
mod windows;

#[cfg(test)]
mod samples;

#[cfg(test)]
pub(crate) use samples::{ended as ended_flows, flow as open_flow};

pub use achieved::achieved;
pub use address::{endpoint, ip, protocol};
pub use amplification::{AskedOf, Asking, amplification, asked_of};
pub use asked_history::AskedHistory;
pub use changes::{changes, deps_changes};
pub use delay::{achieved_delay, asked_delay};
pub use failures::{Tried, TriedBy, shares, tried_by};
pub use flows::flows_doc;
pub use guard::{Guard, HURT_WINDOWS, MIN_SAMPLES, Verdict};
pub use history::{History, Sums};
pub use kinds::{INJECTED, RawKinds, kinds_lost};
pub use lags::{BLOCK_IO, CPU, LagsLost, RawLags, add_lag, lag_doc, lags_lost};
pub use lately::{Busy, Lately, Recently, sums, tell};
pub use lost::lost_doc;
pub use peers::{name_peers, with_names};
pub use quantile::{Quantiles, quantile, quantiles, total};
pub use rate::wilson;
pub use recent::Recent;
pub use recovery::Recovery;
pub use signals::{ZERO, difference, signals, signals_between, sum};
pub use snapshot::{Snapshot, flow_stats, gate, read_aggregate, read_cgroups};
pub use timeline::Timeline;
pub use windows::{Group, Window, windows_doc};
