//! Before, during and after a fault.

use std::time::Duration;

use injector_ebpf::{hist::lower, rtt::Aggregate};

use super::{
    failures,
    quantile::quantiles,
    signals::{ZERO, difference, signals},
};
use crate::api::types::{
    BucketsDoc, ChangeDoc, DistributionsDoc, FailuresDoc, GroupDoc, WindowDoc, WindowsDoc,
};

/// In a shorter window a rate says nothing.
const LEAST: f64 = 1.0;

/// What a group did in a window, and how long that was.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Its length.
    pub span: Duration,
    /// Its sums.
    pub sums: Aggregate,
    /// What went wrong; `None`: it was not seen.
    pub failures: Option<FailuresDoc>,
}

impl Window {
    /// Nothing, for no time.
    pub const EMPTY: Self = Self { span: Duration::ZERO, sums: ZERO, failures: None };

    /// What came between two looks at the sums.
    pub fn between(from: &Aggregate, to: &Aggregate, span: Duration) -> Self {
        Self { span, sums: difference(from, to), failures: None }
    }

    /// In words.
    pub fn doc(&self) -> WindowDoc {
        let (sums, seconds) = (&self.sums, self.span.as_secs_f64());
        let signals = signals(sums);
        WindowDoc {
            rtt_p999_us: quantiles(&sums.rtt).p999,
            resent_percent: (sums.segments > 0)
                .then(|| sums.retransmits as f64 / sums.segments as f64 * 100.0),
            segments_per_second: (seconds >= LEAST).then(|| sums.segments as f64 / seconds),
            seconds,
            signals,
            failures: self.failures,
        }
    }

    fn buckets(&self) -> BucketsDoc {
        let all = self.sums.rtt.iter().enumerate();
        all.filter(|(_, count)| **count > 0).map(|(bucket, count)| (lower(bucket), *count)).collect()
    }
}

/// One group in the three windows; a window that there is not is `None`.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Of the steady state.
    pub before: Option<Window>,
    /// While the fault lives.
    pub during: Window,
    /// Once it has ended.
    pub after: Option<Window>,
}

impl Group {
    /// A group of which nothing is known yet.
    pub const EMPTY: Self = Self { before: None, during: Window::EMPTY, after: None };

    /// In words, with the differences.
    pub fn doc(&self) -> GroupDoc {
        let before = self.before.map(|window| window.doc());
        let (during, after) = (self.during.doc(), self.after.map(|window| window.doc()));
        GroupDoc {
            during_change: before.as_ref().map(|before| change(before, &during)),
            after_change: before.as_ref().zip(after.as_ref()).map(|(before, after)| change(before, after)),
            before,
            during,
            after,
        }
    }

    /// The distributions of its round trips.
    pub fn distributions(&self) -> DistributionsDoc {
        let of = |window: Option<Window>| window.map(|window| window.buckets()).unwrap_or_default();
        DistributionsDoc { before: of(self.before), during: self.during.buckets(), after: of(self.after) }
    }
}

/// Both groups; `disturbed`: another fault acted in the window before.
pub fn windows_doc(target: &Group, control: &Group, disturbed: bool) -> WindowsDoc {
    WindowsDoc { target: target.doc(), control: control.doc(), disturbed }
}

/// `now` less `before`.
fn change(before: &WindowDoc, now: &WindowDoc) -> ChangeDoc {
    let less = |before: Option<u64>, now: Option<u64>| {
        // Both are below 67 s in microseconds.
        Some(i64::try_from(now?).ok()? - i64::try_from(before?).ok()?)
    };
    let (b, n) = (&before.signals, &now.signals);
    ChangeDoc {
        rtt_p50_us: less(b.rtt_p50_us, n.rtt_p50_us),
        rtt_p90_us: less(b.rtt_p90_us, n.rtt_p90_us),
        rtt_p99_us: less(b.rtt_p99_us, n.rtt_p99_us),
        rtt_p999_us: less(before.rtt_p999_us, now.rtt_p999_us),
        resent_points: now.resent_percent.zip(before.resent_percent).map(|(now, before)| now - before),
        segments_ratio: now
            .segments_per_second
            .zip(before.segments_per_second.filter(|rate| *rate > 0.0))
            .map(|(now, before)| now / before),
        failures: before.failures.zip(now.failures).map(|(before, now)| failures::change(&before, &now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{samples::aggregate, signals::sum};

    fn window(us: u32, samples: u64, segments: u64, resent: u64, seconds: u64) -> Window {
        Window {
            span: Duration::from_secs(seconds),
            sums: aggregate(us, samples, segments, resent),
            ..Window::EMPTY
        }
    }

    #[test]
    fn a_difference_is_said_only_of_what_both_windows_have() {
        let group = Group {
            before: Some(window(1_000, 2_000, 1_000, 10, 10)),
            during: window(50_000, 300, 600, 30, 20),
            after: Some(window(1_000, 10, 0, 0, 5)),
        };
        let doc = group.doc();
        assert_eq!(doc.before.as_ref().unwrap().rtt_p999_us, Some(990));
        assert_eq!((doc.during.signals.rtt_p99_us, doc.during.rtt_p999_us), (Some(51_118), None));
        let change = doc.during_change.unwrap();
        assert_eq!((change.rtt_p50_us, change.rtt_p99_us), (Some(50_128), Some(50_128)));
        assert_eq!(change.rtt_p999_us, None, "300 samples are too few");
        // 1 % and 5 %; 100 and 30 a second.
        assert!((change.resent_points.unwrap() - 4.0).abs() < 1e-9, "{change:?}");
        assert!((change.segments_ratio.unwrap() - 0.3).abs() < 1e-9, "{change:?}");
        let after = doc.after_change.unwrap();
        assert_eq!((after.rtt_p50_us, after.rtt_p90_us, after.resent_points), (Some(0), None, None));
    }

    #[test]
    fn without_a_before_there_is_nothing_to_compare_with() {
        let group = Group { during: window(1_000, 5, 5, 0, 0), ..Group::EMPTY };
        let doc = group.doc();
        assert_eq!((doc.during_change, doc.after_change), (None, None));
        assert_eq!(doc.during.segments_per_second, None, "no time has passed");
        assert_eq!(group.distributions().before, BucketsDoc::new());
    }

    #[test]
    fn a_distribution_has_every_sample_and_no_empty_bucket() {
        let sums = sum([&aggregate(3, 7, 0, 0), &aggregate(70_000_000, 2, 0, 0)]);
        let group = Group { during: Window { sums, ..Window::EMPTY }, ..Group::EMPTY };
        assert_eq!(group.distributions().during, [(3, 7), (62_914_560, 2)]);
    }
}
