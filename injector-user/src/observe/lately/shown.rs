//! The window in the place of all since observing began: what screens show.

use crate::api::types::{DependencyDoc, DepsDoc, FlowsDoc, LatencyDoc, RecentDoc};

/// A document whose latencies are those of its window. What has none in it has no samples. Without a window all stays as
/// it is.
pub trait Recently: Sized {
    /// Whether there is a window.
    fn has_window(&self) -> bool;
    /// Puts it in.
    fn put(&mut self);

    /// See the trait.
    fn recently(mut self) -> Self {
        if self.has_window() {
            self.put();
        }
        self
    }
}

impl Recently for FlowsDoc {
    fn has_window(&self) -> bool {
        self.window.is_some()
    }

    fn put(&mut self) {
        for flow in &mut self.flows {
            let recent = flow.recent.unwrap_or_default();
            flow.rtt_samples = recent.samples;
            (flow.rtt_p50_us, flow.rtt_p90_us) = (recent.p50_us, recent.p90_us);
            (flow.rtt_p99_us, flow.rtt_p999_us) = (recent.p99_us, recent.p999_us);
        }
        for sum in &mut self.cgroups {
            let recent = sum.recent.unwrap_or_default();
            sum.rtt_samples = recent.samples;
            (sum.rtt_p50_us, sum.rtt_p90_us) = (recent.p50_us, recent.p90_us);
            (sum.rtt_p99_us, sum.rtt_p999_us) = (recent.p99_us, recent.p999_us);
        }
        self.dependencies.iter_mut().for_each(dependency);
    }
}

impl Recently for DepsDoc {
    fn has_window(&self) -> bool {
        self.window.is_some()
    }

    fn put(&mut self) {
        self.dependencies.iter_mut().for_each(dependency);
    }
}

fn dependency(sum: &mut DependencyDoc) {
    let rtt = sum.kinds.latency.iter().find(|one| one.kind == "rtt").and_then(|one| one.recent);
    let rtt = rtt.unwrap_or_default();
    sum.rtt_samples = rtt.samples;
    (sum.rtt_p50_us, sum.rtt_p90_us) = (rtt.p50_us, rtt.p90_us);
    (sum.rtt_p99_us, sum.rtt_p999_us) = (rtt.p99_us, rtt.p999_us);
    for one in &mut sum.kinds.latency {
        let RecentDoc { samples, overlaps, multiplexed, p50_us, p90_us, p99_us, p999_us } =
            one.recent.unwrap_or_default();
        let kind = std::mem::take(&mut one.kind);
        let recent = one.recent;
        *one = LatencyDoc { kind, samples, overlaps, multiplexed, p50_us, p90_us, p99_us, p999_us, recent };
    }
}
