//! The four golden signals (latency, traffic, errors, saturation) of cgroups, their dependencies and flows: one small
//! model from the documents, from which every screen is made. What a later document knows is one more entry in one of
//! the lists of a [`Row`], and every screen shows it.

mod armed;
mod build;
mod cells;
mod full;
mod kinds;
mod lags;
mod order;
mod own;
mod pace;
#[cfg(test)]
pub mod samples;
mod spark;

pub use armed::{Armed, armed};
pub use build::golden;
pub use cells::{COLUMNS, Cells, Detail, cells, details};
pub use order::{Sort, sort};
pub use own::{Own, cost_parts, own, own_losses};
pub use pace::{Pace, Speed};
pub use spark::spark;

use super::{figures::span_ms, saturation::Heat};

/// How long something took, from samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// `rtt`, `handshake`, ...: the first one of a row stands in its table.
    pub what: String,
    /// How many.
    pub samples: u64,
    /// No time can be told: more was sent before the answer.
    pub multiplexed: bool,
    /// Microseconds; `None` with too few samples.
    pub p50: Option<u64>,
    /// See above.
    pub p90: Option<u64>,
    /// See above.
    pub p99: Option<u64>,
    /// See above.
    pub p999: Option<u64>,
}

/// Sums since observing began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that the cgroup sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
    /// Packets that it sent, as the host handles them.
    pub sent_packets: u64,
    /// Packets that it received.
    pub received_packets: u64,
    /// Flows that are open.
    pub open: u64,
    /// Flows that ended; a flow that is shown has not.
    pub ended: u64,
}

/// So many of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Of what.
    pub what: String,
    /// Since observing began.
    pub n: u64,
}

/// How full something is.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// What.
    pub what: String,
    /// Of its limit, or of the time: 0 to 100 and, if a limit lets more in, more.
    pub percent: f64,
    /// What that says.
    pub heat: Heat,
}

/// A cgroup, a dependency or a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Unlike that of every other row, and the same in the next look.
    pub id: String,
    /// For people; other people's text.
    pub name: String,
    /// What runs in it, what it is known as, and its path where that is not its name: cgroups only, and as far as it is known.
    pub who: Vec<String>,
    /// By kind.
    pub latency: Vec<Latency>,
    /// In and out.
    pub traffic: Traffic,
    /// By kind.
    pub errors: Vec<Count>,
    /// What we did, by kind.
    pub injected: Vec<Count>,
    /// What the kernel freed and is no error, by its reason.
    pub freed: Vec<Count>,
    /// By kind, the hottest and fullest first.
    pub saturation: Vec<Fill>,
    /// How long its requests to disks took and its tasks waited for a CPU, by kind: cgroups only.
    pub lags: Vec<Latency>,
    /// What it consists of.
    pub below: Vec<Row>,
}

impl Row {
    /// All errors.
    pub fn error_sum(&self) -> u64 {
        self.errors.iter().fold(0, |sum, one| sum.saturating_add(one.n))
    }

    /// What is fullest; what is hot before what is nearly full.
    pub fn fullest(&self) -> Option<&Fill> {
        self.saturation.first().filter(|fill| fill.heat > Heat::Aside)
    }
}

/// Of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Golden {
    /// RFC 3339.
    pub at: String,
    /// Latencies are those of the last so many milliseconds; `None`: since observing began.
    pub window_ms: Option<u64>,
    /// Paths of the cgroups that are watched.
    pub watched: Vec<String>,
    /// All cgroups that have flows, listeners or are watched, by name.
    pub cgroups: Vec<Row>,
}

impl Golden {
    /// Of when the latencies are.
    pub fn window(&self) -> String {
        self.window_ms.map_or_else(
            || "latency since observing began".to_owned(),
            |ms| format!("latency of the last {}", span_ms(ms)),
        )
    }
}

#[cfg(test)]
mod tests;
