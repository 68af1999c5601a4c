//! In which order flows are shown, and how many.

use std::cmp::Reverse;

use clap::Args;

use super::millis;
use crate::{
    api::types::{DependencyDoc, FlowDoc, FlowsDoc},
    error::Error,
    spec::near,
};

/// The flags; values are read by [`Flags::read`].
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// What comes first: the most p99.9, p99, p90, p50, samples, bytes, sent, received, retransmits, dropped,
    /// delayed, sndbuf or idle; or by name: cgroup or peer [default: bytes].
    #[arg(long, value_name = "KEY")]
    sort: Option<String>,
    /// Only the first N of each table.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    top: Option<String>,
}

type OfFlow = fn(&FlowDoc) -> Option<u64>;
type OfSum = fn(&DependencyDoc) -> Option<u64>;

/// A number that both tables have, the most of it first. `None` comes last.
const NUMBERS: [(&str, OfFlow, OfSum); 13] = [
    ("p99.9", |f| f.rtt_p999_us, |d| d.rtt_p999_us),
    ("p99", |f| f.rtt_p99_us, |d| d.rtt_p99_us),
    ("p90", |f| f.rtt_p90_us, |d| d.rtt_p90_us),
    ("p50", |f| f.rtt_p50_us, |d| d.rtt_p50_us),
    ("samples", |f| Some(f.rtt_samples), |d| Some(d.rtt_samples)),
    (
        "bytes",
        |f| Some(f.tx_bytes.saturating_add(f.rx_bytes)),
        |d| Some(d.tx_bytes.saturating_add(d.rx_bytes)),
    ),
    ("sent", |f| Some(f.tx_bytes), |d| Some(d.tx_bytes)),
    ("received", |f| Some(f.rx_bytes), |d| Some(d.rx_bytes)),
    ("retransmits", |f| Some(f.retransmits), |d| Some(d.retransmits)),
    ("dropped", |f| Some(f.injected_drops), |d| Some(d.injected_drops)),
    ("delayed", |f| Some(f.injected_delays), |d| Some(d.injected_delays)),
    // Sums have no buffer: they stay as they come.
    ("sndbuf", |f| f.sndbuf_used.saturating_mul(1000).checked_div(f.sndbuf_limit), |_| None),
    // Nor were they seen last at some time. Who was seen first is idle for longest.
    ("idle", |f| Some(u64::MAX - millis(f.last_seen.as_deref()?)?), |_| None),
];

/// What is sorted by a name.
const NAMES: [&str; 2] = ["cgroup", "peer"];

#[derive(Clone, Copy, Debug)]
enum Key {
    Number(OfFlow, OfSum),
    Cgroup,
    Peer,
}

/// What was asked, checked.
#[derive(Debug, Default)]
pub(super) struct Order {
    key: Option<Key>,
    top: Option<usize>,
}

impl Flags {
    /// # Errors
    /// A key that there is not, or a number that is none.
    pub(super) fn read(&self) -> Result<Order, Error> {
        let top = self.top.as_deref().map(|text| match text.parse() {
            Ok(0) | Err(_) => {
                let text = text.escape_debug();
                Err(Error::usage(format!("--top: `{text}` is not a number of rows")).hint("write 1 or more"))
            }
            Ok(rows) => Ok(rows),
        });
        Ok(Order { key: self.sort.as_deref().map(key).transpose()?, top: top.transpose()? })
    }
}

fn key(text: &str) -> Result<Key, Error> {
    if let Some((_, flow, sum)) = NUMBERS.iter().find(|(name, ..)| *name == text) {
        return Ok(Key::Number(*flow, *sum));
    }
    match text {
        "cgroup" => Ok(Key::Cgroup),
        "peer" => Ok(Key::Peer),
        _ => {
            let all: Vec<_> = NUMBERS.iter().map(|(name, ..)| *name).chain(NAMES).collect();
            let perhaps = near(text, all.iter().copied(), 1);
            let perhaps = perhaps.first().map_or_else(String::new, |name| format!("did you mean {name}? "));
            Err(Error::usage(format!("--sort: there is no `{}` to sort by", text.escape_debug()))
                .hint(format!("{perhaps}write one of {}", all.join(", "))))
        }
    }
}

impl Order {
    /// Sorts and cuts each table; without a key they stay as they come, the most bytes first.
    pub(super) fn sort(&self, flows: &mut FlowsDoc) {
        match self.key {
            None => {}
            Some(Key::Number(flow, sum)) => {
                flows.flows.sort_by_key(|row| Reverse(flow(row)));
                flows.dependencies.sort_by_key(|row| Reverse(sum(row)));
            }
            Some(Key::Cgroup) => {
                flows.flows.sort_by(|a, b| a.cgroup.cmp(&b.cgroup));
                flows.dependencies.sort_by(|a, b| a.cgroup.cmp(&b.cgroup));
            }
            Some(Key::Peer) => {
                flows.flows.sort_by(|a, b| a.remote.cmp(&b.remote));
                flows.dependencies.sort_by(|a, b| a.service.cmp(&b.service));
            }
        }
        if let Some(top) = self.top {
            flows.flows.truncate(top);
            flows.dependencies.truncate(top);
            flows.listeners.truncate(top);
        }
    }
}
