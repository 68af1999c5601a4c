//! The achieved rate and how sure it is.

use crate::api::types::RateDoc;

/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval of a share, as fractions of 1. `None` without trials.
///
/// More hits than trials (counters that were read while they moved) count as a share of 1.
pub fn wilson(hits: u64, trials: u64) -> Option<(f64, f64)> {
    if trials == 0 {
        return None;
    }
    let n = trials as f64;
    let p = hits.min(trials) as f64 / n;
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Rounding must not push the share itself out of its interval, nor the interval out of 0 to 1.
    Some((((centre - spread) / scale).clamp(0.0, p), ((centre + spread) / scale).clamp(p, 1.0)))
}

/// What was asked (percent) and what came of it. `None` while nothing matched.
pub fn rate(asked: f64, acted: u64, matched: u64) -> Option<RateDoc> {
    let (low, high) = wilson(acted, matched)?;
    let achieved = acted.min(matched) as f64 / matched as f64;
    Some(RateDoc { asked, achieved: achieved * 100.0, low: low * 100.0, high: high * 100.0 })
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
    fn nothing_matched_is_no_rate() {
        assert_eq!(rate(5.0, 0, 0), None);
        let torn = rate(100.0, 11, 10).unwrap();
        assert_eq!((torn.achieved, torn.high), (100.0, 100.0));
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
