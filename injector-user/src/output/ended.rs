//! How many faults ended, and why: counted here, because the daemon forgets all but the last hundred.

use std::collections::{BTreeMap, HashSet};

use crate::api::types::{EndKind, FaultDoc, State};

/// All reasons, as labels.
pub const REASONS: [&str; 9] =
    ["expired", "stopped", "halted", "aborted", "budget", "target-lost", "lapsed", "shutdown", "drift"];

/// Remembers which of the listed faults were counted.
#[derive(Debug, Default)]
pub struct Ended {
    /// Id and start of those that were counted and are still listed.
    seen: HashSet<(String, String)>,
    counts: BTreeMap<&'static str, u64>,
}

impl Ended {
    /// Counts what ended since the last call, and returns the sums.
    pub fn count(&mut self, faults: &[FaultDoc]) -> &BTreeMap<&'static str, u64> {
        let mut listed = HashSet::new();
        for fault in faults.iter().filter(|fault| fault.state == State::Ended) {
            let key = (fault.id.clone(), fault.started.clone());
            if !self.seen.contains(&key) {
                *self.counts.entry(fault.end.map_or("stopped", reason)).or_default() += 1;
            }
            listed.insert(key);
        }
        self.seen = listed;
        &self.counts
    }
}

fn reason(end: EndKind) -> &'static str {
    match end {
        EndKind::Expired => REASONS[0],
        EndKind::Stopped => REASONS[1],
        EndKind::Halted => REASONS[2],
        EndKind::Aborted => REASONS[3],
        EndKind::Budget => REASONS[4],
        EndKind::TargetLost => REASONS[5],
        EndKind::Lapsed => REASONS[6],
        EndKind::Shutdown => REASONS[7],
        EndKind::Drift => REASONS[8],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples::fault;

    #[test]
    fn every_ended_fault_is_counted_once_and_stays_counted() {
        let (live, mut one, mut two) = (fault("drop-1"), fault("drop-2"), fault("drop-3"));
        (one.state, one.end) = (State::Ended, Some(EndKind::Expired));
        (two.state, two.end) = (State::Ended, Some(EndKind::TargetLost));
        let mut ended = Ended::default();
        assert!(ended.count(std::slice::from_ref(&live)).is_empty());
        ended.count(&[live.clone(), one.clone()]);
        let counts = ended.count(&[live, two.clone(), one]).clone();
        assert_eq!(counts, BTreeMap::from([("expired", 1), ("target-lost", 1)]));
        assert_eq!(*ended.count(&[two]), counts, "the list is short, the count is not");
    }

    #[test]
    fn reasons_are_named_as_in_the_documents() {
        let name = serde_json::to_value(EndKind::TargetLost).unwrap();
        assert_eq!(name, reason(EndKind::TargetLost));
    }
}
