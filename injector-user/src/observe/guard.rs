//! The guard of the control group: sockets that are no target must not suffer.
//!
//! Pure and driven by ticks: fed once a second with the control group's sums, it keeps what was normal before a
//! fault and compares every second of the fault with it.

use std::{collections::VecDeque, fmt};

use injector_ebpf::rtt::Aggregate;

use super::{
    quantile::{quantile, total},
    signals::{difference, sum},
};

/// Seconds of normal life that a fault is compared with, at most.
const WINDOWS: usize = 60;
/// RTT samples, or segments, that a window needs to be judged.
pub const MIN_SAMPLES: u64 = 200;
/// Hurt seconds in a row after which the fault is aborted.
pub const HURT_WINDOWS: u32 = 3;
/// Hurt: so many times the baseline,
const FACTOR: f64 = 3.0;
/// and at least so many microseconds,
const RTT_MARGIN_US: u64 = 5_000;
/// or so large a share of segments above it,
const SHARE_MARGIN: f64 = 0.01;
/// and so many times what the worst second before had: retransmits come in bursts, and those are normal life too.
const BURST_FACTOR: f64 = 1.5;

/// What the last second says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is armed, or what could be judged is as it was before.
    Ok,
    /// Neither round trips nor retransmits could be judged: too few, here or before.
    NotJudged(String),
    /// Worse than before, but not yet for long enough.
    Hurt(String),
    /// Worse for three seconds in a row: stop the fault.
    Abort(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => write!(f, "ok"),
            Self::NotJudged(why) => write!(f, "not judged: {why}"),
            Self::Hurt(why) => write!(f, "hurt: {why}"),
            Self::Abort(why) => write!(f, "abort: {why}"),
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// The sums at the last tick.
    last: Option<Aggregate>,
    /// The last seconds without a fault, oldest first.
    before: VecDeque<Aggregate>,
    /// What `before` was when the first fault was armed; set while one is.
    baseline: Option<Baseline>,
    /// Hurt seconds in a row.
    hurt: u32,
}

impl Guard {
    /// A guard that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Freezes what is normal. A second fault is compared with the time before the first.
    pub fn arm(&mut self) {
        if self.baseline.is_none() {
            self.baseline = Some(Baseline::of(&self.before));
            self.hurt = 0;
        }
    }

    /// No fault is armed any more: what is seen from now on is normal again.
    pub fn disarm(&mut self) {
        self.baseline = None;
        self.hurt = 0;
    }

    /// Takes the control group's sums (over all CPUs, since ever) after one more second.
    ///
    /// A second that cannot be judged ends a row of hurt ones.
    pub fn tick(&mut self, control: &Aggregate) -> Verdict {
        let Some(last) = self.last.replace(*control) else { return Verdict::Ok };
        let window = difference(&last, control);
        let Some(baseline) = &self.baseline else {
            if self.before.len() == WINDOWS {
                self.before.pop_front();
            }
            self.before.push_back(window);
            return Verdict::Ok;
        };
        let reason = match judge(baseline, &window) {
            Verdict::Hurt(reason) => reason,
            other => {
                self.hurt = 0;
                return other;
            }
        };
        self.hurt += 1;
        if self.hurt < HURT_WINDOWS {
            return Verdict::Hurt(reason);
        }
        Verdict::Abort(format!("the control group was hurt {} s in a row: {reason}", self.hurt))
    }
}

/// Normal life.
#[derive(Clone, Debug)]
struct Baseline {
    sum: Aggregate,
    /// The highest share of retransmits in one of its seconds, of those with segments enough.
    worst: f64,
}

impl Baseline {
    fn of(seconds: &VecDeque<Aggregate>) -> Self {
        let judged = seconds.iter().filter(|second| second.segments >= MIN_SAMPLES);
        Self { sum: sum(seconds), worst: judged.map(resent).fold(0.0, f64::max) }
    }
}

/// The share of the segments that were sent again; of 1 or more.
fn resent(a: &Aggregate) -> f64 {
    a.retransmits as f64 / a.segments as f64
}

/// One second against the baseline: `Ok` if at least one of the two signals could be judged and none is hurt.
fn judge(baseline: &Baseline, window: &Aggregate) -> Verdict {
    let (rtt, share) = (rtt(&baseline.sum, window), share(baseline, window));
    let hurt: Vec<String> = [&rtt, &share].into_iter().flatten().flatten().cloned().collect();
    match (hurt.is_empty(), rtt, share) {
        (false, ..) => Verdict::Hurt(hurt.join("; ")),
        (true, Err(why), Err(_)) => Verdict::NotJudged(why),
        (true, ..) => Verdict::Ok,
    }
}

/// A signal: `Err` why it is not judged, else what is wrong, if anything is.
type Signal = Result<Option<String>, String>;

fn enough(what: &str, before: u64, now: u64) -> Result<(), String> {
    let few = |n, when| Err(format!("{n} samples of {MIN_SAMPLES} ({what} {when})"));
    match (before < MIN_SAMPLES, now < MIN_SAMPLES) {
        (true, _) => few(before, "before the fault"),
        (_, true) => few(now, "in the last second"),
        _ => Ok(()),
    }
}

fn rtt(baseline: &Aggregate, window: &Aggregate) -> Signal {
    enough("round trips", total(&baseline.rtt), total(&window.rtt))?;
    let (Some(before), Some(now)) = (quantile(&baseline.rtt, 990), quantile(&window.rtt, 990)) else {
        return Ok(None);
    };
    if now as f64 <= FACTOR * before as f64 || now <= before + RTT_MARGIN_US {
        return Ok(None);
    }
    let ms = |us: u64| us as f64 / 1e3;
    Ok(Some(format!("RTT p99 is {:.1} ms, it was {:.1} ms before the fault", ms(now), ms(before))))
}

fn share(baseline: &Baseline, window: &Aggregate) -> Signal {
    enough("segments", baseline.sum.segments, window.segments)?;
    let (before, now) = (resent(&baseline.sum), resent(window));
    if now <= FACTOR * before || now <= before + SHARE_MARGIN || now <= BURST_FACTOR * baseline.worst {
        return Ok(None);
    }
    let percent = |share: f64| share * 100.0;
    Ok(Some(format!(
        "{:.1} % of the segments are retransmits ({} of {}), it was {:.1} % before the fault",
        percent(now),
        window.retransmits,
        window.segments,
        percent(before)
    )))
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
