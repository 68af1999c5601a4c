//! Text there and back, and what is true.

use super::measured::{LEAST_SAMPLES, LEAST_SEGMENTS};
use super::*;

fn judge(condition: &str, measured: &Measured) -> Option<String> {
    condition.parse::<AbortCondition>().unwrap().is_true(measured)
}

#[test]
fn says_what_was_measured_against_what() {
    let group = GroupMeasured {
        samples: 20,
        rtt_p50: Some(1_000),
        rtt_p90: Some(250_000),
        rtt_p99: Some(250_001),
        segments: 50,
        retransmits: 3,
    };
    let m = Measured { target: group, memory_pressure: Some(20.5), ..Measured::default() };
    let said = |condition| judge(condition, &m);
    assert_eq!(said("target.rtt_p99>250ms").unwrap(), "target.rtt_p99 is 250ms1us, more than 250ms");
    assert_eq!(said("target.rtt_p90>250ms"), None, "at the limit is not over it");
    assert_eq!(said("target.rtt_p50>1ms"), None);
    assert_eq!(
        said("target.retransmits>5.9%").unwrap(),
        "target.retransmits is 6.00% (3 of 50), more than 5.9%"
    );
    assert_eq!(said("target.retransmits>6%"), None);
    assert_eq!(said("node.memory_pressure > 20%").unwrap(), "node.memory_pressure is 20.50%, more than 20%");
    assert_eq!(said("node.memory_pressure>20.5%"), None);
    assert_eq!(said("node.io_pressure>1%"), None, "not known");
    assert_eq!(said("control.rtt_p99>1us"), None, "of the other group nothing was measured");
}

#[test]
fn too_little_is_not_judged() {
    let group = GroupMeasured {
        samples: LEAST_SAMPLES - 1,
        rtt_p99: Some(u64::MAX),
        segments: LEAST_SEGMENTS - 1,
        retransmits: LEAST_SEGMENTS - 1,
        ..GroupMeasured::default()
    };
    let m = Measured { control: group, ..Measured::default() };
    assert_eq!(judge("control.rtt_p99>1us", &m), None);
    assert_eq!(judge("control.retransmits>1%", &m), None);
}

#[test]
fn reads_back_and_says_what_is_wrong() {
    for text in
        ["target.rtt_p50>80ms", "control.rtt_p90>1s500ms", "target.retransmits>0.5%", "node.cpu_pressure>50%"]
    {
        assert_eq!(text.parse::<AbortCondition>().unwrap().to_string(), text);
    }
    for (text, word) in [
        ("target.rtt_p99<1ms", "not an abort condition"),
        ("target.rtt_p98>1ms", "not an abort condition"),
        ("node.rtt_p99>1ms", "not an abort condition"),
        ("target.cpu_pressure>5%", "not an abort condition"),
        ("target.rtt_p99>250", "no unit"),
        ("target.retransmits>0", "would never act"),
        ("node.io_pressure>20ms", "not a percent"),
    ] {
        let error = text.parse::<AbortCondition>().unwrap_err();
        assert!(error.message.contains(word) && error.hint.is_some(), "{text}: {error}");
    }
}
