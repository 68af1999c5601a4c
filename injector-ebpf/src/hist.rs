//! A histogram with a bounded relative error: 16 buckets of one microsecond, then 8 per octave.
//!
//! A bucket's width is at most 1/8 of its lower bound, so the harmonic mean of its ends is within 1/17 (5.9 %) of every
//! value in it.
//! The scheme is that of HdrHistogram and H2 histograms.

/// Number of buckets: values from 0 to 2^26 us (67 s); larger ones go to the last bucket.
pub const BUCKETS: usize = 192;

/// The bucket of a value in microseconds.
#[inline(always)]
pub const fn bucket(us: u32) -> usize {
    if us < 16 {
        return us as usize;
    }
    let exp = 31 - us.leading_zeros();
    let index = 16 + (exp as usize - 4) * 8 + ((us >> (exp - 3)) & 7) as usize;
    if index < BUCKETS { index } else { BUCKETS - 1 }
}

/// The smallest value of a bucket, in microseconds.
pub const fn lower(bucket: usize) -> u32 {
    if bucket < 16 {
        return bucket as u32;
    }
    let exp = (bucket - 16) / 8 + 4;
    let sub = (bucket - 16) % 8;
    (8 + sub as u32) << (exp - 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_falls_into_its_bucket() {
        for b in 0..BUCKETS {
            assert_eq!(bucket(lower(b)), b);
            if b > 0 {
                assert_eq!(bucket(lower(b) - 1), b - 1);
            }
        }
        assert_eq!(bucket(u32::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_harmonic_mean_of_a_bucket_is_within_6_percent() {
        for b in 16..BUCKETS - 1 {
            let (low, high) = (f64::from(lower(b)), f64::from(lower(b + 1)));
            let middle = 2.0 * low * high / (low + high);
            assert!((middle - low) / low <= 1.0 / 17.0 + 1e-9, "bucket {b}");
        }
    }
}
