//! Latency and errors of a group of sockets between two looks at its sums.

use injector_ebpf::{hist::BUCKETS, rtt::Aggregate};

use super::quantile::quantiles;
use crate::api::types::SignalsDoc;

/// Nothing seen.
pub const ZERO: Aggregate = Aggregate { samples: 0, segments: 0, retransmits: 0, rtt: [0; BUCKETS] };

/// Applies `op` to every counter of two sums.
fn zip(a: &Aggregate, b: &Aggregate, op: impl Fn(u64, u64) -> u64) -> Aggregate {
    let mut out = *a;
    out.samples = op(a.samples, b.samples);
    out.segments = op(a.segments, b.segments);
    out.retransmits = op(a.retransmits, b.retransmits);
    for (out, b) in out.rtt.iter_mut().zip(b.rtt) {
        *out = op(*out, b);
    }
    out
}

/// The sum over CPUs, or over windows.
pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Aggregate>) -> Aggregate {
    parts.into_iter().fold(ZERO, |all, part| zip(&all, part, u64::saturating_add))
}

/// What came between two looks. Never negative: counters are read while they move.
pub fn difference(before: &Aggregate, after: &Aggregate) -> Aggregate {
    zip(after, before, u64::saturating_sub)
}

/// A window in words. The number of samples is that of the histogram, so that it agrees with the quantiles.
pub fn signals(window: &Aggregate) -> SignalsDoc {
    let q = quantiles(&window.rtt);
    SignalsDoc {
        samples: q.samples,
        rtt_p50_us: q.p50,
        rtt_p90_us: q.p90,
        rtt_p99_us: q.p99,
        segments: window.segments,
        retransmits: window.retransmits,
    }
}

/// [`signals`] of the [`difference`].
pub fn signals_between(before: &Aggregate, after: &Aggregate) -> SignalsDoc {
    signals(&difference(before, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::aggregate;

    #[test]
    fn shows_only_what_came_between() {
        let before = aggregate(1_000, 50, 500, 7);
        let after = sum([&before, &aggregate(2_000, 250, 900, 3)]);
        let seen = signals_between(&before, &after);
        assert_eq!((seen.samples, seen.segments, seen.retransmits), (250, 900, 3));
        assert_eq!((seen.rtt_p50_us, seen.rtt_p99_us), (Some(1981), Some(1981)));
    }

    #[test]
    fn torn_reads_are_never_negative() {
        let (small, large) = (aggregate(1_000, 5, 5, 5), aggregate(1_000, 9, 9, 9));
        assert_eq!(difference(&large, &small), ZERO);
        assert_eq!(signals(&ZERO), SignalsDoc::default());
        assert_eq!(sum([&large, &aggregate(1_000, u64::MAX, 0, 0)]).samples, u64::MAX);
    }
}
