//! What happens in a second, from the sums of two looks, and the last minute of it.

use std::collections::{HashMap, VecDeque};

use super::{Golden, Row};

/// Looks that are kept for a sparkline.
const KEPT: usize = 60;

/// In a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// Bytes.
    pub sent: f64,
    /// Bytes.
    pub received: f64,
    /// Errors of all kinds.
    pub errors: f64,
}

/// The looks so far, as far as they are needed.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    at_ms: Option<u64>,
    rows: HashMap<String, Past>,
}

#[derive(Clone, Debug, Default)]
struct Past {
    /// Sent, received, errors.
    sums: [u64; 3],
    speed: Option<Speed>,
    traffic: VecDeque<u64>,
    p99: VecDeque<u64>,
}

impl Pace {
    /// Another look. One of no other time than the last is none.
    pub fn look(&mut self, golden: &Golden) {
        let now = humantime::parse_rfc3339(&golden.at).ok();
        let now = now.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let Some(now_ms) = now.and_then(|since| u64::try_from(since.as_millis()).ok()) else { return };
        let passed = match self.at_ms {
            // A clock that went back: begun anew.
            Some(before) if now_ms < before => None,
            Some(before) if now_ms == before => return,
            before => before.map(|before| (now_ms - before) as f64 / 1e3),
        };
        self.at_ms = Some(now_ms);
        let mut past = std::mem::take(&mut self.rows);
        golden.cgroups.iter().for_each(|row| self.add(row, &mut past, passed));
    }

    /// Rows that are gone are not taken over.
    fn add(&mut self, row: &Row, past: &mut HashMap<String, Past>, passed: Option<f64>) {
        let sums = [row.traffic.sent, row.traffic.received, row.error_sum()];
        let before = past.remove(&row.id);
        let mut next = before.unwrap_or_else(|| Past { sums, ..Past::default() });
        if let Some(seconds) = passed {
            // Sums of flows that end without a trace become less: that is no traffic.
            let [sent, received, errors] =
                [0, 1, 2].map(|i: usize| sums[i].saturating_sub(next.sums[i]) as f64 / seconds);
            next.speed = Some(Speed { sent, received, errors });
            push(&mut next.traffic, (sent + received) as u64);
        }
        next.sums = sums;
        push(&mut next.p99, row.latency.first().and_then(|latency| latency.p99).unwrap_or(0));
        self.rows.insert(row.id.clone(), next);
        row.below.iter().for_each(|row| self.add(row, past, passed));
    }

    /// Of a row; `None` until it was looked at twice.
    pub fn speed(&self, id: &str) -> Option<Speed> {
        self.rows.get(id)?.speed
    }

    /// Bytes a second, both ways, oldest first.
    pub fn traffic(&self, id: &str) -> Vec<u64> {
        self.rows.get(id).map(|past| past.traffic.iter().copied().collect()).unwrap_or_default()
    }

    /// p99 of the first latency in microseconds, 0 where it was not known, oldest first.
    pub fn p99(&self, id: &str) -> Vec<u64> {
        self.rows.get(id).map(|past| past.p99.iter().copied().collect()).unwrap_or_default()
    }
}

fn push(kept: &mut VecDeque<u64>, value: u64) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(value);
}
