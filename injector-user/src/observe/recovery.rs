//! Has the target come back? Its round trips, retransmits and failures after a fault against those before it.

use std::time::Duration;

use injector_ebpf::rtt::Aggregate;

use super::{
    failures::{Tried, shares},
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
/// and at most so much more of the segments sent again, of the connects, connections and DNS queries failed.
const SHARE_MARGIN: f64 = 0.005;
/// After so long it has not come back.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Judges, once a second.
#[derive(Debug)]
pub struct Recovery {
    before: Window,
    /// The sums at the begin of the window that is being judged, and when that was.
    from: Option<(Duration, Aggregate, Option<Tried>)>,
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

    /// Takes the target's sums (since ever), `since` the last fault. A window lasts until it has enough samples. `tried` is
    /// `None` where it is not seen: then, and if it was not before the fault, failures are not judged.
    pub fn tick(&mut self, now: &Aggregate, tried: Option<Tried>, since: Duration) -> RecoveryDoc {
        let before = total(&self.before.sums.rtt);
        if before < LEAST {
            return RecoveryDoc::Unknown { why: format!("{before} round trips of {LEAST} before the fault") };
        }
        let (begun, from, had) = *self.from.get_or_insert((since, *now, tried));
        let window = Window {
            failures: tried.zip(had).map(|(tried, had)| tried.since(&had)),
            ..Window::between(&from, now, since.saturating_sub(begun))
        };
        let after_s = since.as_secs();
        let seen = total(&window.sums.rtt);
        if seen >= LEAST {
            self.judged = Some(window);
            if self.is_back(&window.sums) && self.fails_no_more(&window) {
                return RecoveryDoc::Recovered { after_s };
            }
            self.from = Some((since, *now, tried));
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

    /// What nobody tried has not failed.
    fn fails_no_more(&self, window: &Window) -> bool {
        let Some((was, is)) = self.before.failures.zip(window.failures) else { return true };
        let as_before = |(was, is): (&Option<f64>, &Option<f64>)| {
            is.is_none_or(|is| is <= was.unwrap_or_default() + SHARE_MARGIN)
        };
        shares(&was).iter().zip(&shares(&is)).all(as_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::types::FailuresDoc,
        observe::{
            failures::{tests::tried, tried_by},
            samples::aggregate,
            signals::sum,
        },
    };
    use injector_ebpf::dep::{CONNECT, DNS, HANDSHAKE};

    const SECOND: Duration = Duration::from_secs(1);

    fn before(us: u32, samples: u64, segments: u64) -> Window {
        Window { span: 10 * SECOND, sums: aggregate(us, samples, segments, 0), failures: None }
    }

    #[test]
    fn comes_back_when_a_whole_window_is_as_before() {
        let mut recovery = Recovery::new(before(2_000, 500, 1_000));
        let mut sums = aggregate(2_000, 500, 1_000, 0);
        assert_eq!(recovery.tick(&sums, None, SECOND), RecoveryDoc::Waiting);
        sums = sum([&sums, &aggregate(80_000, 60, 100, 0)]);
        assert_eq!(recovery.tick(&sums, None, 2 * SECOND), RecoveryDoc::Waiting, "slow");
        sums = sum([&sums, &aggregate(2_000, 60, 100, 10)]);
        assert_eq!(
            recovery.tick(&sums, None, 3 * SECOND),
            RecoveryDoc::Waiting,
            "fast, but a tenth was sent again"
        );
        let judged = recovery.judged().unwrap();
        assert_eq!((judged.before.resent_percent, judged.now.resent_percent), (Some(0.0), Some(10.0)));
        assert_eq!((judged.now.seconds, judged.now.signals.samples), (1.0, 60));
        sums = sum([&sums, &aggregate(2_000, 20, 100, 0)]);
        assert_eq!(recovery.tick(&sums, None, 4 * SECOND), RecoveryDoc::Waiting, "too few to say");
        sums = sum([&sums, &aggregate(2_000, 40, 100, 0)]);
        assert_eq!(recovery.tick(&sums, None, 5 * SECOND), RecoveryDoc::Recovered { after_s: 5 });
    }

    #[test]
    fn says_when_it_does_not_or_cannot_tell() {
        let mut recovery = Recovery::new(before(2_000, 500, 1_000));
        let sums = aggregate(80_000, 100, 100, 0);
        recovery.tick(&sums, None, SECOND);
        let sums = sum([&sums, &aggregate(80_000, 100, 100, 0)]);
        assert_eq!(recovery.tick(&sums, None, PATIENCE), RecoveryDoc::NotRecovered { after_s: 60 });
        assert!(matches!(recovery.tick(&sums, None, PATIENCE), RecoveryDoc::Unknown { .. }), "silence");
        let mut blind = Recovery::new(before(2_000, 5, 10));
        assert!(matches!(blind.tick(&sums, None, SECOND), RecoveryDoc::Unknown { .. }));
        assert_eq!(blind.judged(), None);
    }

    #[test]
    fn what_failed_must_be_as_before_too() {
        let connects =
            |connects, failed_connects| FailuresDoc { connects, failed_connects, ..FailuresDoc::default() };
        let quick = |n: u64| aggregate(2_000, 100 * n, 100 * n, 0);
        let tried = |n, failed| {
            let all = tried_by(&tried(0, 0, [(HANDSHAKE, n), (DNS, 0)], &[(CONNECT, 111, failed)]));
            Some(Tried::of(&all, &[7]))
        };
        let begin = |failures| Recovery::new(Window { failures, ..before(2_000, 500, 1_000) });
        // 1 % failed before.
        let mut recovery = begin(Some(connects(200, 2)));
        assert_eq!(recovery.tick(&quick(1), tried(100, 0), SECOND), RecoveryDoc::Waiting);
        assert_eq!(
            recovery.tick(&quick(2), tried(120, 5), 2 * SECOND),
            RecoveryDoc::Waiting,
            "5 of 25 failed"
        );
        let judged = recovery.judged().unwrap();
        assert_eq!(
            (judged.before.failures, judged.now.failures),
            (Some(connects(200, 2)), Some(connects(25, 5)))
        );
        let back = RecoveryDoc::Recovered { after_s: 3 };
        assert_eq!(recovery.tick(&quick(3), tried(219, 6), 3 * SECOND), back, "1 of 100, as before");
        // Nobody saw what failed before, or nobody does now: then it is not judged.
        for (failures, was, is) in
            [(None, tried(9, 0), tried(9, 9)), (Some(connects(9, 0)), None, tried(9, 9))]
        {
            let mut recovery = begin(failures);
            recovery.tick(&quick(1), was, SECOND);
            assert_eq!(recovery.tick(&quick(2), is, 3 * SECOND), back);
        }
        // Nobody connects: nothing fails.
        let mut silent = begin(Some(connects(200, 0)));
        silent.tick(&quick(1), tried(9, 9), SECOND);
        assert_eq!(silent.tick(&quick(2), tried(9, 9), 3 * SECOND), back);
    }
}
