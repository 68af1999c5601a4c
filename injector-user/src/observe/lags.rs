//! How long a cgroup's requests to disks took and its tasks waited for a CPU: the kernel's numbers and their names.

use injector_ebpf::lag::{IO_QUEUED, IO_READ, IO_WRITE, Lag, LagKey, LagLost, RUN_QUEUE};

use super::quantile::quantiles;
use crate::api::types::{LagDoc, LagsLostDoc, RecentLagDoc};

/// What tells of requests to disks, as it is named where it is missing.
pub const BLOCK_IO: &str = "block IO latency";
/// The same of tasks that wait for a CPU.
pub const CPU: &str = "run-queue latency";

/// Raw numbers of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawLags {
    /// By exact cgroup and kind; those that are observed and had nothing are there as well.
    pub lags: Vec<(LagKey, Lag)>,
    /// What was lost of them.
    pub lost: LagsLost,
    /// What this kernel does not tell, and why.
    pub missing: Vec<(&'static str, String)>,
}

/// What was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LagsLost {
    /// By the programs' count.
    pub seen: LagLost,
    /// Requests whose end was not seen within an hour.
    pub unfinished: u64,
}

/// The name of a kind.
pub fn lag_name(kind: u32) -> &'static str {
    match kind {
        IO_READ => "io_read",
        IO_WRITE => "io_write",
        IO_QUEUED => "io_queued",
        RUN_QUEUE => "run_queue",
        _ => "unknown",
    }
}

/// For people and programs; `before`: what it was at the beginning of the last interval.
pub fn lag_doc(kind: u32, now: &Lag, before: Option<&Lag>) -> LagDoc {
    let all = quantiles(&now.buckets);
    let recent = before.and_then(|before| since(now, before)).map(|lag| {
        let q = quantiles(&lag.buckets);
        RecentLagDoc { samples: q.samples, p50_us: q.p50, p90_us: q.p90, p99_us: q.p99 }
    });
    LagDoc {
        what: lag_name(kind).to_owned(),
        samples: all.samples,
        total_us: now.ns / 1000,
        p50_us: all.p50,
        p90_us: all.p90,
        p99_us: all.p99,
        p999_us: all.p999,
        recent,
    }
}

/// What came since; `None`: it was begun anew meanwhile.
fn since(now: &Lag, before: &Lag) -> Option<Lag> {
    let mut more = Lag { samples: now.samples.checked_sub(before.samples)?, ..Lag::ZERO };
    for (more, (now, before)) in more.buckets.iter_mut().zip(now.buckets.iter().zip(&before.buckets)) {
        *more = now.checked_sub(*before)?;
    }
    Some(more)
}

/// Adds one cgroup's to another's.
pub fn add_lag(sum: &mut Lag, one: &Lag) {
    sum.samples = sum.samples.saturating_add(one.samples);
    sum.ns = sum.ns.saturating_add(one.ns);
    for (sum, one) in sum.buckets.iter_mut().zip(&one.buckets) {
        *sum = sum.saturating_add(*one);
    }
}

/// All losses.
pub fn lags_lost(lost: &LagsLost) -> LagsLostDoc {
    LagsLostDoc {
        samples: lost.seen.places_full,
        requests: lost.seen.requests_full,
        tasks: lost.seen.waiting_full,
        clock_went_backwards: lost.seen.clock,
        unfinished: lost.unfinished,
    }
}

#[cfg(test)]
mod tests {
    use injector_ebpf::hist::bucket;

    use super::*;

    fn of(values: &[u32]) -> Lag {
        let mut lag = Lag::ZERO;
        for us in values {
            (lag.samples, lag.ns) = (lag.samples + 1, lag.ns + u64::from(*us) * 1000);
            lag.buckets[bucket(*us)] += 1;
        }
        lag
    }

    #[test]
    fn the_last_interval_is_told_apart_from_all_before_it() {
        let slow = [20_000; 300];
        let before = of(&slow);
        let mut now = of(&[100; 30]);
        add_lag(&mut now, &before);
        let doc = lag_doc(IO_WRITE, &now, Some(&before));
        assert_eq!((doc.what.as_str(), doc.samples, doc.total_us), ("io_write", 330, 6_003_000));
        assert!(doc.p50_us.unwrap().abs_diff(20_000) < 1_250, "{doc:?}");
        assert_eq!(doc.p999_us, None, "too few samples");
        let recent = doc.recent.unwrap();
        assert_eq!((recent.samples, recent.p50_us, recent.p99_us), (30, Some(99), None));
        assert_eq!(lag_doc(IO_WRITE, &before, Some(&now)).recent, None, "begun anew");
        assert_eq!(lag_doc(IO_WRITE, &now, None).recent, None);
    }

    #[test]
    fn every_loss_has_its_place() {
        let seen = LagLost { places_full: 1, requests_full: 2, waiting_full: 3, clock: 4 };
        let doc = lags_lost(&LagsLost { seen, unfinished: 5 });
        let all = [doc.samples, doc.requests, doc.tasks, doc.clock_went_backwards, doc.unfinished];
        assert_eq!(all, [1, 2, 3, 4, 5]);
    }
}
