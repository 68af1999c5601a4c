use super::*;
use crate::{api::types::JudgedDoc, output::samples};

#[test]
fn the_windows_say_what_changed_and_what_has_too_few_samples() {
    let fault = samples::with_windows("drop-1");
    let lines = lines(&fault);
    assert_eq!(
        lines,
        [
            "  GROUP    WINDOW  SECONDS  SAMPLES      p50      p90      p99   p99.9  RESENT  SEGMENTS/s",
            "  target   before     60.0    3,000   1.0 ms   1.2 ms   2.0 ms  4.0 ms  0.10 %        50.0",
            "  target   during     30.0      250  81.0 ms  90.0 ms  99.0 ms       -  4.40 %        25.0",
            "  control  before     60.0        0        -        -        -       -       -           -",
            "  control  during     30.0        9   1.0 ms        -        -       -       -           -",
            "  -: too few samples (p50 needs 1, p90 20, p99 200, p99.9 2,000)",
            "  target, failed before: 3 of 120 connects (2.50 %), 0 resets on 40 connections (0.00 %), 0 of 9 DNS queries (0.00 %)",
            "  target, failed during: 50 of 200 connects (25.00 %), 9 resets on 45 connections (20.00 %), 0 of 0 DNS queries",
            "  target, during against before: p50 +80.0 ms, p90 +88.8 ms, p99 +97.0 ms, p99.9 too few samples, resent +4.30 points, segments/s x0.50, failed connects +22.50 points, resets on connections +20.00 points",
            "  control: nothing was seen before the fault to compare with",
        ]
    );
    let mut disturbed = fault;
    disturbed.windows.as_mut().unwrap().disturbed = true;
    assert!(super::lines(&disturbed).last().unwrap().contains("no steady state"));
    assert!(super::lines(&samples::fault("drop-1")).is_empty());
}

#[test]
fn amplification_is_a_number() {
    let mut fault = samples::with_windows("drop-1");
    assert_eq!(
        amplified(&fault),
        [
            "  ASKS OF        SIDE  CONNECTIONS/s             SEGMENTS/s                   BYTES/s         CGROUP",
            "  10.0.0.5:5432  out     1.0 -> 40.0  x40.00  10.0 -> 400.0  x40.00  1000.0 -> 4000.0  x4.00  /app",
        ]
    );
    fault.amplification[0].before = None;
    fault.amplification[0].connections_ratio = None;
    let lines = amplified(&fault);
    assert!(lines[1].contains("? -> 40.0"), "{lines:?}");
    assert!(lines[2].contains("not seen"), "{lines:?}");
}

#[test]
fn a_recovery_says_what_it_was_judged_by() {
    let mut fault = samples::with_windows("drop-1");
    assert_eq!(judged(&fault), None);
    let windows = fault.windows.clone().unwrap();
    fault.recovery_judged =
        Some(JudgedDoc { before: windows.target.before.unwrap(), now: windows.target.during });
    let said = "judged by the last 250 round trips: p90 90.0 ms (before 1.2 ms), resent 4.40 % of 750 segments (before 0.10 %); failed: 50 of 200 connects (25.00 %), 9 resets on 45 connections (20.00 %), 0 of 0 DNS queries (before 3 of 120 connects (2.50 %), 0 resets on 40 connections (0.00 %), 0 of 9 DNS queries (0.00 %))";
    assert_eq!(judged(&fault).unwrap(), said);
    fault.recovery_judged.as_mut().unwrap().before.failures = None;
    assert!(judged(&fault).unwrap().ends_with("the target was not watched before the fault"));
}
