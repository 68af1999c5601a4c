//! How many connections were busy on the average: Little's law.
//!
//! Requests that wait for their first byte, on the average, are the requests in a second times the time that each waits:
//! the sum of these times in the window, over the window. A connection waits for one at a time (what overlaps gives no
//! time), so that many connections, at least, were in use.

use std::{collections::BTreeMap, time::Instant};

use injector_ebpf::{
    dep::FIRST_BYTE,
    hist::{BUCKETS, lower},
};

use super::{Key, Lately, STEP, WINDOW};
use crate::observe::dependencies::service;

/// A wait counts as at most so many microseconds: what of it was before the window is then a tenth of the window at most.
const MOST_US: u64 = 1_000_000;

/// Thousandths of connections, by cgroup's path and service.
pub type Busy = BTreeMap<(String, String), u64>;

impl Lately {
    /// Of each dependency that has first bytes. Nothing before the window is whole, or if nobody looked just now.
    pub fn busy(&self, now: Instant, name_of: impl Fn(u64) -> Option<String>) -> Busy {
        let looks = self.looked.is_some_and(|at| now.duration_since(at) <= STEP);
        let Some(span) = self.span.filter(|span| looks && *span >= WINDOW) else { return Busy::new() };
        let of = |key: &Key| {
            let Key::Dependency(dep, FIRST_BYTE) = key else { return None };
            let (buckets, _) = self.of(key)?;
            Some(((name_of(dep.cgroup)?, service(dep)), milli(&buckets, span.as_micros())))
        };
        self.known.keys().filter_map(of).collect()
    }
}

/// From the lower ends of the buckets: it is not less than this.
fn milli(buckets: &[u32; BUCKETS], span_us: u128) -> u64 {
    let waited =
        |(bucket, n): (usize, &u32)| u128::from(*n) * u128::from(u64::from(lower(bucket)).min(MOST_US));
    let waited: u128 = buckets.iter().enumerate().map(waited).sum();
    u64::try_from(waited * 1_000 / span_us.max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use injector_ebpf::{
        dep::{TimeKey, Times},
        hist::bucket,
    };

    use super::*;
    use crate::observe::{
        lately::sums,
        samples::{ended, snapshot},
    };

    /// `a_second` requests that wait for `us` each, for so many seconds with a look at each, and then none for `late` ms.
    fn busy(a_second: u32, us: u32, seconds: u64, late: u64) -> Option<u64> {
        let dep = ended(7, 5, 5432, 0).0;
        let (mut lately, begin) = (Lately::default(), Instant::now());
        for second in 0..=seconds {
            let mut times = Times { samples: 0, buckets: [0; BUCKETS] };
            times.buckets[bucket(us)] = a_second * second as u32;
            let mut all = snapshot(Vec::new(), Vec::new());
            all.kinds.times = vec![(TimeKey { dep, kind: FIRST_BYTE, pad: 0 }, times)];
            lately.look(begin + Duration::from_secs(second), sums(&all));
        }
        let now = begin + Duration::from_secs(seconds) + Duration::from_millis(late);
        let busy = lately.busy(now, |id| Some(format!("/{id}")));
        busy.get(&("/7".to_owned(), "10.0.0.5:5432".to_owned())).copied()
    }

    #[test]
    fn busy_connections_are_requests_a_second_times_their_wait() {
        // 800 a second of 10 ms keep 8 connections busy; the bucket of 10 ms begins at 9.216 ms.
        assert_eq!(busy(800, 10_000, 12, 0), Some(7_372));
        assert_eq!(busy(80, 10_000, 12, 0), Some(737));
        // Eight that wait for 5 s each, of which a second counts.
        assert_eq!(busy(8, 5_000_000, 12, 0), Some(8_000));
        assert_eq!(busy(0, 10, 12, 0), Some(0));
    }

    #[test]
    fn half_a_window_and_an_old_one_say_nothing() {
        assert_eq!(busy(800, 10_000, 9, 0), None);
        assert_eq!(busy(800, 10_000, 10, 2_000), Some(7_372));
        assert_eq!(busy(800, 10_000, 10, 2_001), None);
    }
}
