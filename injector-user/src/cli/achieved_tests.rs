use super::*;
use crate::cli::{ending, text};
use crate::{
    api::types::{AchievedDoc, AskedDelayDoc, NothingMatchedDoc, PassedDoc},
    output::samples,
};

fn fault() -> FaultDoc {
    let mut fault = samples::fault("drop-1");
    fault.achieved = AchievedDoc {
        matched: AmountDoc { skbs: 4_812, wire: Some(5_000), bytes: Some(7_000_000) },
        acted: AmountDoc { skbs: 241, wire: Some(250), bytes: Some(350_000) },
        passed_chance: AmountDoc { skbs: 4_571, ..AmountDoc::default() },
        rate_percent: Some(5.008),
        interval_percent: Some([4.428, 5.661]),
        asked_percent: Some(5.0),
        verdict: Some(Fidelity::Within),
        ..AchievedDoc::default()
    };
    fault
}

fn delayed(achieved: Option<AchievedDelayDoc>, why: Option<&str>) -> FaultDoc {
    let asked = AskedDelayDoc { by_us: 80_000, jitter_us: 20_000, p50_us: 80_000, p99_us: 99_600 };
    let mut fault = fault();
    fault.achieved.delay = Some(DelayDoc { asked: Some(asked), achieved, why: why.map(str::to_owned) });
    fault
}

const MEASURED: AchievedDelayDoc = AchievedDelayDoc {
    samples: 4_812,
    mean_us: Some(80_400),
    p50_us: Some(80_300),
    p90_us: Some(95_900),
    p99_us: Some(99_100),
};

#[test]
fn the_rate_stands_beside_the_asked_one() {
    assert_eq!(rate(&fault()).unwrap(), "5.01 % [4.43, 5.66], asked 5");
    let mut off = fault();
    (off.achieved.verdict, off.achieved.asked_percent) = (Some(Fidelity::Off), Some(100.0 / 3.0));
    assert_eq!(rate(&off).unwrap(), "5.01 % [4.43, 5.66], asked 33.3333, OFF");
    let mut rare = fault();
    (rare.achieved.rate_percent, rare.achieved.interval_percent) = (Some(0.0104), None);
    assert_eq!(rate(&rare).unwrap(), "0.0104 %, asked 5");
    rare.achieved.rate_percent = None;
    assert_eq!(rate(&rare), None);
}

#[test]
fn the_delay_stands_beside_the_asked_one() {
    assert_eq!(
        delay(&delayed(Some(MEASURED), None)),
        "  held p50 80.3 ms p99 99.1 ms (asked 80.0 ms/99.6 ms)"
    );
    assert_eq!(delay(&delayed(None, Some("measured at egress only"))), "");
    assert_eq!(delay(&fault()), "");
}

#[test]
fn the_line_of_a_second_says_why_nothing_matches_when_that_changes() {
    let quiet = |seconds, why: &str| {
        let mut fault = fault();
        fault.nothing_matched = Some(NothingMatchedDoc { seconds, why: why.to_owned() });
        fault
    };
    let line = text::second(&quiet(5, "no socket"), Some(&fault()));
    assert!(line.ends_with("  12.5 s left  NOTHING MATCHED for 5 s: no socket"), "{line}");
    let again = text::second(&quiet(6, "no socket"), Some(&quiet(5, "no socket")));
    assert!(again.ends_with("  12.5 s left"), "{again}");
    let other = text::second(&quiet(10, "no process"), Some(&quiet(9, "no socket")));
    assert!(other.ends_with("for 10 s: no process"), "{other}");
}

#[test]
fn all_parts_are_shown() {
    let mut fault = delayed(Some(MEASURED), None);
    fault.achieved.passed_gate = PassedDoc { skbs: 12, budget: 12, ..PassedDoc::default() };
    fault.achieved.failed.skbs = 3;
    fault.nothing_matched = Some(NothingMatchedDoc { seconds: 7, why: "the target has no socket".into() });
    let expected = [
        "  WHAT                PACKETS  ON THE WIRE     BYTES",
        "  matched               4,812        5,000    7.0 MB",
        "  acted                   241          250  350.0 kB",
        "  passed by chance      4,571            -         -",
        "  passed by the gate       12            -         -",
        "    after its budget       12            -         -",
        "  could not be done         3            -         -",
        "  rate 5.01 % [4.43, 5.66], asked 5: as asked",
        "  HELD          p50      p90      p99     MEAN  PACKETS",
        "  asked     80.0 ms        -  99.6 ms  80.0 ms        -",
        "  achieved  80.3 ms  95.9 ms  99.1 ms  80.4 ms    4,812",
        "  NOTHING MATCHED for 7 s: the target has no socket",
    ];
    assert_eq!(lines(&fault), expected);
    let unknown = lines(&delayed(None, Some("measured at egress only")));
    assert_eq!(unknown.last().unwrap(), "  achieved: not known, measured at egress only");
}

#[test]
fn what_fmod_ret_missed_is_told_even_if_it_is_nothing() {
    let missed = |missed| {
        let mut fault = fault();
        fault.counters.missed = missed;
        let of = |lines: Vec<String>| lines.into_iter().find(|line| line.contains("missed"));
        [of(lines(&fault)), of(ending::lines(&fault))]
    };
    let [row, end] = missed(Some(0)).map(Option::unwrap);
    assert!(
        row.starts_with("  missed, of this host ") && row.split_whitespace().nth(4) == Some("0"),
        "{row}"
    );
    assert_eq!(end, "  missed: 0 calls of this host that the kernel did not ask us about");
    assert_eq!(missed(None), [None, None]);
}
