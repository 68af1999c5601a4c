//! A flow ends while somebody looks: its samples are in that look once.

use std::cell::RefCell;

use aya::maps::{Array, MapData};

use super::*;

thread_local! {
    /// What this thread does before it reads histograms the next time.
    static BEFORE_HISTOGRAMS: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Called by [`FlowReader::histograms`].
pub fn before_histograms() {
    if let Some(then) = BEFORE_HISTOGRAMS.take() {
        then();
    }
}

#[test]
fn samples_of_flows_that_end_during_a_look_are_in_their_dependency() {
    let Some((cgroup, mut object, mut reader)) =
        observed("samples_of_flows_that_end_during_a_look_are_in_their_dependency")
    else {
        return;
    };
    let mut talker = Talker::start(&cgroup, TALK);
    let before: u64 = reader.all().unwrap().iter().map(|flow| flow.rtt_samples).sum();
    assert!(before >= 20, "{before} samples of 600 segments");
    let stats: Array<MapData, FlowStats> = object.beside(names::FLOW_STATS).unwrap().try_into().unwrap();
    let all_end = move || {
        talker.end();
        let deadline = Instant::now() + Duration::from_secs(5);
        while stats.get(&0, 0).is_ok_and(|stats| stats.folded < stats.created) {
            assert!(Instant::now() < deadline, "the flows did not end with their program");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The last one is counted before its samples are moved.
        std::thread::sleep(Duration::from_millis(20));
    };
    BEFORE_HISTOGRAMS.set(Some(Box::new(all_end)));
    let look = Snapshot::take(&mut object, &mut reader, vec![]).unwrap();
    let ended: u64 = look.deps.iter().map(|(_, dep)| dep.rtt_samples).sum();
    assert!(ended >= before, "{ended} of {before} samples, and {} flows", look.flows.len());
    let counted = look.deps.iter().flat_map(|(_, dep)| &dep.rtt).map(|n| u64::from(*n));
    assert_eq!(counted.sum::<u64>(), ended, "all are in a histogram");
    assert_eq!((look.flows.len(), look.histograms.len()), (0, 0), "they are not in it twice");
}
