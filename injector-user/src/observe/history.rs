//! What every cgroup did in the last minute: what was normal before a fault, and the share of the node's traffic.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use injector_ebpf::rtt::Aggregate;

use super::signals::{ZERO, difference, sum};

/// Sums of cgroups, by id.
pub type Sums = BTreeMap<u64, Aggregate>;

/// Two looks are kept; the older one is half a minute to a minute old.
const GENERATION: Duration = Duration::from_secs(30);
/// Fewer segments say nothing of a share.
const LEAST: u64 = 100;

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    old: Option<(Instant, Sums)>,
    young: Option<(Instant, Sums)>,
}

impl History {
    /// Takes the sums of all cgroups (since ever). To be called every few seconds.
    pub fn look(&mut self, now: Instant, sums: &Sums) {
        match &self.young {
            Some((at, _)) if now.duration_since(*at) < GENERATION => {}
            Some(_) => self.old = self.young.replace((now, sums.clone())),
            None => self.young = Some((now, sums.clone())),
        }
    }

    /// What these cgroups did since the older look.
    pub fn window(&self, now: &Sums, ids: &[u64]) -> Aggregate {
        let parts: Vec<Aggregate> = ids.iter().filter_map(|id| self.one(now, *id)).collect();
        sum(&parts)
    }

    fn one(&self, now: &Sums, id: u64) -> Option<Aggregate> {
        let old = self.begin().and_then(|(_, sums)| sums.get(&id)).unwrap_or(&ZERO);
        Some(difference(old, now.get(&id)?))
    }

    /// The older look, or the only one.
    fn begin(&self) -> Option<&(Instant, Sums)> {
        self.old.as_ref().or(self.young.as_ref())
    }

    /// How long ago the older look was.
    pub fn seconds(&self) -> f64 {
        self.begin().map_or(0.0, |(at, _)| at.elapsed().as_secs_f64())
    }

    /// The share of the node's TCP segments that these cgroups sent since the older look, in 0..=1; `None`: too few
    /// to say.
    pub fn share(&self, now: &Sums, ids: &[u64]) -> Option<f64> {
        let all: u64 = now.keys().filter_map(|id| self.one(now, *id)).map(|part| part.segments).sum();
        let part = self.window(now, ids).segments;
        (all >= LEAST).then(|| part as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::aggregate;

    #[test]
    fn a_window_begins_with_the_older_look() {
        let (mut history, begin) = (History::default(), Instant::now());
        let sums =
            |a: u64, b: u64| Sums::from([(1, aggregate(1_000, a, a, 0)), (2, aggregate(1_000, b, b, 0))]);
        history.look(begin, &sums(100, 100));
        assert_eq!(history.share(&sums(200, 100), &[1]), Some(1.0), "since the only look");
        history.look(begin + GENERATION, &sums(200, 400));
        history.look(begin + GENERATION * 2, &sums(300, 700));
        // The older look is the one at 30 s.
        assert_eq!(history.window(&sums(300, 700), &[1]).segments, 100);
        assert_eq!(history.share(&sums(300, 700), &[1]), Some(0.25));
        assert_eq!(history.share(&sums(210, 410), &[1]), None, "too few segments");
        assert_eq!(history.window(&sums(300, 700), &[9]).segments, 0);
    }
}
