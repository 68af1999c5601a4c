//! The last second of some sums that are read every 100 ms.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use injector_ebpf::rtt::Aggregate;

use super::signals::{ZERO, difference};

/// How long a window is.
pub const WINDOW: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub struct Recent {
    looks: VecDeque<(Instant, Aggregate)>,
}

impl Recent {
    /// Takes one more look, and forgets those that no window needs.
    pub fn look(&mut self, now: Instant, sums: Aggregate) {
        while self.looks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.looks.pop_front();
        }
        self.looks.push_back((now, sums));
    }

    /// What came in the last second, or since the first look.
    pub fn window(&self) -> Aggregate {
        match (self.looks.front(), self.looks.back()) {
            (Some((_, first)), Some((_, last))) => difference(first, last),
            _ => ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::aggregate;

    #[test]
    fn holds_one_second() {
        let (mut recent, begin) = (Recent::default(), Instant::now());
        assert_eq!(recent.window(), ZERO);
        for tick in 0..30_u32 {
            recent.look(begin + tick * Duration::from_millis(100), aggregate(1_000, u64::from(tick), 0, 0));
        }
        assert_eq!(recent.window().samples, 10);
        assert!(recent.looks.len() <= 12);
    }
}
