//! Quantiles of the kernel's histograms, and how many samples they need to mean something.

use injector_ebpf::hist::lower;

// One rule: a quantile q needs 2/(1-q) samples, so that two are to be expected beyond it. The median alone is given from
// the first one on.

/// Samples that a 90th percentile needs.
const MIN_P90: u64 = 20;
/// Samples that a 99th percentile needs.
const MIN_P99: u64 = 200;
/// Samples that a 99.9th percentile needs.
const MIN_P999: u64 = 2_000;

/// Latencies in microseconds, within 6 %; absent with too few samples (1, 20, 200, 2,000).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Number of samples.
    pub samples: u64,
    /// Median.
    pub p50: Option<u64>,
    /// 90th percentile.
    pub p90: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// 99.9th percentile.
    pub p999: Option<u64>,
}

/// How many samples a histogram holds.
pub fn total<C: Copy + Into<u64>>(buckets: &[C]) -> u64 {
    buckets.iter().fold(0, |sum: u64, &count| sum.saturating_add(count.into()))
}

/// The value, in microseconds, that `permille` of the samples do not exceed (nearest rank): the [`middle`] of its
/// bucket of [`injector_ebpf::hist`], at most 6 % away. `None` without samples.
///
/// The last bucket also holds everything above 67 s.
pub fn quantile<C: Copy + Into<u64>>(buckets: &[C], permille: u64) -> Option<u64> {
    let samples = total(buckets);
    let rank = (u128::from(samples) * u128::from(permille.min(1000))).div_ceil(1000).max(1);
    let mut seen = 0u128;
    let bucket = buckets.iter().position(|&count| {
        seen += u128::from(count.into());
        seen >= rank
    })?;
    Some(middle(bucket))
}

/// p50, p90, p99 and p99.9 where there are samples enough.
pub fn quantiles<C: Copy + Into<u64>>(buckets: &[C]) -> Quantiles {
    let samples = total(buckets);
    let from = |least: u64, permille| if samples >= least { quantile(buckets, permille) } else { None };
    Quantiles {
        samples,
        p50: from(1, 500),
        p90: from(MIN_P90, 900),
        p99: from(MIN_P99, 990),
        p999: from(MIN_P999, 999),
    }
}

/// What stands for a bucket, in whole microseconds; exact below 16 us.
///
/// It is as far from the bucket's least value as from its greatest, each in parts of that value: their harmonic mean. So
/// it is at most 1/17 (5.9 %) from either, where half way between them it would be 1/16 from the least.
pub(super) fn middle(bucket: usize) -> u64 {
    let (least, most) = (u64::from(lower(bucket)), u64::from(lower(bucket + 1)) - 1);
    let both = least + most;
    (2 * least * most + both / 2).checked_div(both).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use injector_ebpf::hist::{BUCKETS, bucket};
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn histogram(values: &[u32]) -> [u32; BUCKETS] {
        let mut buckets = [0; BUCKETS];
        for &value in values {
            buckets[bucket(value)] += 1;
        }
        buckets
    }

    proptest! {
        #[test]
        fn within_6_percent_of_the_exact_one(
            mut values in vec(prop_oneof![0u32..40, 0u32..5_000, 0u32..67_000_000], 1..600),
            permille in 0u64..=1000,
        ) {
            let narrow = histogram(&values);
            let wide = narrow.map(u64::from);
            values.sort_unstable();
            let rank = (values.len() as u64 * permille).div_ceil(1000).max(1);
            let exact = u64::from(values[rank as usize - 1]);
            let found = quantile(&narrow, permille).unwrap();
            prop_assert_eq!(Some(found), quantile(&wide, permille));
            prop_assert!(found.abs_diff(exact) as f64 <= exact as f64 / 17.0, "{} for {}", found, exact);
        }
    }

    #[test]
    fn what_stands_for_a_bucket_is_within_6_percent_of_both_its_ends() {
        for bucket in 0..BUCKETS - 1 {
            let found = middle(bucket);
            for exact in [u64::from(lower(bucket)), u64::from(lower(bucket + 1)) - 1] {
                assert!(found.abs_diff(exact) as f64 <= exact as f64 / 17.0, "{found} for {exact}");
            }
        }
    }

    #[test]
    fn too_few_samples_give_no_quantile() {
        let of = |n: usize| quantiles(&histogram(&vec![100; n]));
        assert_eq!(of(0), Quantiles::default());
        assert_eq!(of(1), Quantiles { samples: 1, p50: Some(99), ..Quantiles::default() });
        assert_eq!(of(19).p90, None);
        assert_eq!((of(20).p90, of(199).p99), (Some(99), None));
        assert_eq!((of(200).p99, of(1_999).p999), (Some(99), None));
        let all = Some(99);
        assert_eq!(of(2_000), Quantiles { samples: 2_000, p50: all, p90: all, p99: all, p999: all });
    }

    #[test]
    fn counters_at_their_limit_do_not_overflow() {
        let mut buckets = [0u64; BUCKETS];
        (buckets[3], buckets[9]) = (u64::MAX, u64::MAX);
        assert_eq!((total(&buckets), quantile(&buckets, 500)), (u64::MAX, Some(3)));
        assert_eq!(quantile(&[u32::MAX; BUCKETS], 1000), Some(64_944_061));
    }
}
