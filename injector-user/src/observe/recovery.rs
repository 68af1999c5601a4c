//! Has the target come back? Its round trips and retransmits after a fault against those before it.

use std::time::Duration;

use injector_ebpf::flow::Aggregate;

use super::{
    quantile::{quantile, total},
    windows::Window,
};
use crate::api::types::{JudgedDoc, RecoveryDoc};

/// Fewer round trips, before or in a window after, say nothing of a tail.
const LEAST: u64 = 50;
/// Back: at most so many times the p99 of before (two buckets of the histogram),
const FACTOR: f64 = 1.25;
/// or so many microseconds more,
const MARGIN_US: u64 = 1_000;
/// and at most so much more of the segments sent again.
const SHARE_MARGIN: f64 = 0.005;
/// After so long it has not come back.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Judges, once a second.
#[derive(Debug)]
pub struct Recovery {
    before: Window,
    /// The sums at the begin of the window that is being judged, and when that was.
    from: Option<(Duration, Aggregate)>,
    /// The last window that was.
    judged: Option<Window>,
}

impl Recovery {
    /// `before` is what the target did in the minute before the fault.
    pub fn new(before: Window) -> Self {
        Self { before, from: None, judged: None }
    }

    /// What the last word was said of; `None`: nothing could be judged yet.
    pub fn judged(&self) -> Option<JudgedDoc> {
        Some(JudgedDoc { before: self.before.doc(), now: self.judged?.doc() })
    }

    /// Takes the target's sums (since ever), `since` the last fault. A window lasts until it has enough samples.
    pub fn tick(&mut self, now: &Aggregate, since: Duration) -> RecoveryDoc {
        let before = total(&self.before.sums.rtt);
        if before < LEAST {
            return RecoveryDoc::Unknown { why: format!("{before} round trips of {LEAST} before the fault") };
        }
        let (begun, from) = *self.from.get_or_insert((since, *now));
        let window = Window::between(&from, now, since.saturating_sub(begun));
        let after_s = since.as_secs();
        let seen = total(&window.sums.rtt);
        if seen >= LEAST {
            self.judged = Some(window);
            if self.is_back(&window.sums) {
                return RecoveryDoc::Recovered { after_s };
            }
            self.from = Some((since, *now));
        }
        match (since < PATIENCE, seen) {
            (true, _) => RecoveryDoc::Waiting,
            (false, 0) => RecoveryDoc::Unknown { why: format!("no traffic in {after_s} s after the fault") },
            (false, _) => RecoveryDoc::NotRecovered { after_s },
        }
    }

    fn is_back(&self, window: &Aggregate) -> bool {
        let was = &self.before.sums;
        let (Some(before), Some(now)) = (quantile(&was.rtt, 990), quantile(&window.rtt, 990)) else {
            return false;
        };
        let share = |a: &Aggregate| a.retransmits as f64 / a.segments.max(1) as f64;
        let calm = now as f64 <= FACTOR * before as f64 || now <= before + MARGIN_US;
        calm && share(window) <= share(was) + SHARE_MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{samples::aggregate, signals::sum};

    const SECOND: Duration = Duration::from_secs(1);

    fn before(us: u32, samples: u64, segments: u64) -> Window {
        Window { span: 10 * SECOND, sums: aggregate(us, samples, segments, 0) }
    }

    #[test]
    fn comes_back_when_a_whole_window_is_as_before() {
        let mut recovery = Recovery::new(before(2_000, 500, 1_000));
        let mut sums = aggregate(2_000, 500, 1_000, 0);
        assert_eq!(recovery.tick(&sums, SECOND), RecoveryDoc::Waiting);
        sums = sum([&sums, &aggregate(80_000, 60, 100, 0)]);
        assert_eq!(recovery.tick(&sums, 2 * SECOND), RecoveryDoc::Waiting, "slow");
        sums = sum([&sums, &aggregate(2_000, 60, 100, 10)]);
        assert_eq!(
            recovery.tick(&sums, 3 * SECOND),
            RecoveryDoc::Waiting,
            "fast, but a tenth was sent again"
        );
        let judged = recovery.judged().unwrap();
        assert_eq!((judged.before.resent_percent, judged.now.resent_percent), (Some(0.0), Some(10.0)));
        assert_eq!((judged.now.seconds, judged.now.signals.samples), (1.0, 60));
        sums = sum([&sums, &aggregate(2_000, 20, 100, 0)]);
        assert_eq!(recovery.tick(&sums, 4 * SECOND), RecoveryDoc::Waiting, "too few to say");
        sums = sum([&sums, &aggregate(2_000, 40, 100, 0)]);
        assert_eq!(recovery.tick(&sums, 5 * SECOND), RecoveryDoc::Recovered { after_s: 5 });
    }

    #[test]
    fn says_when_it_does_not_or_cannot_tell() {
        let mut recovery = Recovery::new(before(2_000, 500, 1_000));
        let sums = aggregate(80_000, 100, 100, 0);
        recovery.tick(&sums, SECOND);
        let sums = sum([&sums, &aggregate(80_000, 100, 100, 0)]);
        assert_eq!(recovery.tick(&sums, PATIENCE), RecoveryDoc::NotRecovered { after_s: 60 });
        assert!(matches!(recovery.tick(&sums, PATIENCE), RecoveryDoc::Unknown { .. }), "silence");
        let mut blind = Recovery::new(before(2_000, 5, 10));
        assert!(matches!(blind.tick(&sums, SECOND), RecoveryDoc::Unknown { .. }));
        assert_eq!(blind.judged(), None);
    }
}
