//! The achieved rate, how sure it is, and whether it is the asked one.

use crate::api::types::Fidelity;

/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;
/// With fewer draws nothing is said.
const MIN_DRAWS: f64 = 30.0;
/// Standard deviations that an achieved rate may be away from the asked one.
const FARTHEST: f64 = 5.0;
/// Packets that it may be away besides: where few are expected, the binomial has a longer tail than the normal
/// distribution. With these two, chance alone is taken for a mistake about once in a million looks for every share.
const SLACK: f64 = 2.0;

/// Wilson's 95 % interval of a share, as fractions of 1. `None` without trials.
///
/// More hits than trials (counters that were read while they moved) count as a share of 1.
pub fn wilson(hits: u64, trials: u64) -> Option<(f64, f64)> {
    (trials > 0).then(|| interval(hits.min(trials) as f64 / trials as f64, trials as f64))
}

/// The same of a share that `n` independent draws are worth; `n` above 0.
pub(super) fn interval(p: f64, n: f64) -> (f64, f64) {
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Rounding must not push the share itself out of its interval, nor the interval out of 0 to 1.
    (((centre - spread) / scale).clamp(0.0, p), ((centre + spread) / scale).clamp(p, 1.0))
}

/// Can `n` independent draws, each with the probability `asked`, have come to the share `achieved`?
pub(super) fn fidelity(asked: f64, achieved: f64, n: f64) -> Fidelity {
    if n < MIN_DRAWS {
        return Fidelity::TooFew;
    }
    // Of all there are none too few.
    let slack = if asked < 1.0 { SLACK / n } else { 0.0 };
    if (achieved - asked).abs() <= FARTHEST * (asked * (1.0 - asked) / n).sqrt() + slack {
        Fidelity::Within
    } else {
        Fidelity::Off
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_published_values() {
        let near = |(low, high): (f64, f64), want: (f64, f64)| {
            assert!((low - want.0).abs() < 5e-5 && (high - want.1).abs() < 5e-5, "{low} {high}");
        };
        // Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3.
        near(wilson(81, 263).unwrap(), (0.2553, 0.3662));
        near(wilson(15, 148).unwrap(), (0.0624, 0.1605));
        near(wilson(0, 20).unwrap(), (0.0, 0.1611));
        near(wilson(1, 29).unwrap(), (0.0061, 0.1718));
    }

    #[test]
    fn nothing_drawn_has_no_interval() {
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(11, 10).unwrap().1, 1.0, "read while they moved");
    }

    #[test]
    fn the_verdict_is_five_standard_deviations_and_two_packets() {
        // 10 % of 10,000: 1,000, deviation 30; 5 of them and 2 are 152.
        for (hits, verdict) in [
            (849.0, Fidelity::Within),
            (847.0, Fidelity::Off),
            (1151.0, Fidelity::Within),
            (1153.0, Fidelity::Off),
        ] {
            assert_eq!(fidelity(0.1, hits / 10_000.0, 10_000.0), verdict, "{hits}");
        }
        assert_eq!(fidelity(0.1, 1.0, 29.0), Fidelity::TooFew);
        assert_eq!(fidelity(1e-4, 1.0 / 30.0, 30.0), Fidelity::Within, "one in 330 such looks has one");
        assert_eq!(fidelity(1e-4, 3.0 / 30.0, 30.0), Fidelity::Off);
        assert_eq!(fidelity(1.0, 1.0, 30.0), Fidelity::Within);
        assert_eq!(fidelity(1.0, 999.0 / 1000.0, 1000.0), Fidelity::Off, "all are all");
    }

    proptest! {
        #[test]
        fn holds_the_share_and_stays_within_0_and_1(trials in 1u64.., hits: u64) {
            let hits = hits % trials.saturating_add(1).max(1);
            let (low, high) = wilson(hits, trials).unwrap();
            let p = hits as f64 / trials as f64;
            prop_assert!(0.0 <= low && low <= p && p <= high && high <= 1.0);
        }
    }
}
