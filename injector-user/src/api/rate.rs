//! How many requests a user may make: a bucket of tokens each, filled steadily.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::Method;

/// With more users than these, full buckets are forgotten: a user without one has a full one.
const MANY: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<u32, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// `per_second` requests over time, `burst` at once.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.into(), burst: burst.into(), buckets: Mutex::default() }
    }

    /// One request of a user, or how long he has to wait.
    pub(super) fn take(&self, uid: u32, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MANY {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.burst);
        }
        let bucket = buckets.entry(uid).or_insert(Bucket { tokens: self.burst, at: now });
        let tokens = self.filled(bucket, now);
        if tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - tokens) / self.per_second));
        }
        *bucket = Bucket { tokens: tokens - 1.0, at: now };
        Ok(())
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + since * self.per_second).min(self.burst)
    }
}

/// What stops something is never too much: `PUT /v1/halt`, `DELETE /v1/faults` and of one fault.
pub(super) fn is_free(method: &Method, path: &str) -> bool {
    match *method {
        Method::PUT => path == "/v1/halt",
        Method::DELETE => path == "/v1/faults" || path.starts_with("/v1/faults/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_given_and_then_the_rate() {
        let rate = Rate::new(50, 100);
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let given = |uid, now| (0..1000).take_while(|_| rate.take(uid, now).is_ok()).count();
        assert_eq!(given(1, at(0)), 100);
        assert_eq!(given(2, at(0)), 100, "each user has his own");
        assert_eq!(rate.take(1, at(0)), Err(Duration::from_millis(20)));
        assert_eq!(given(1, at(1_000)), 50);
        assert_eq!(given(1, at(60_000)), 100, "no more than a burst is saved");
    }

    #[test]
    fn users_that_were_seen_once_are_forgotten() {
        let rate = Rate::new(50, 100);
        let begun = Instant::now();
        for uid in 0..10_000 {
            rate.take(uid, begun + Duration::from_secs(uid.into())).unwrap();
        }
        assert!(rate.buckets.lock().unwrap().len() <= MANY);
    }

    #[test]
    fn only_what_stops_is_free() {
        assert!(is_free(&Method::PUT, "/v1/halt") && is_free(&Method::DELETE, "/v1/faults/drop-7k3"));
        assert!(is_free(&Method::DELETE, "/v1/faults"));
        assert!(!is_free(&Method::DELETE, "/v1/halt") && !is_free(&Method::GET, "/v1/faults/x"));
        assert!(!is_free(&Method::PUT, "/v1/halt/x") && !is_free(&Method::DELETE, "/v1/faultsx"));
    }
}
