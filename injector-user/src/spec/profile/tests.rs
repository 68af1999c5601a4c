//! Profiles: the built-in ones are right and as promised, and a wrong one says where.

use super::*;
use crate::spec::{Direction, Distribution, DnsAnswer, Draw, Span};

fn built_in(name: &str) -> Profile {
    let all = BUILT_IN.map(|text| Profile::parse(text).unwrap_or_else(|error| panic!("{error}: {text}")));
    all.into_iter().find(|profile| profile.name.as_str() == name).unwrap()
}

/// The range of a uniform delay, in microseconds.
fn range(profile: &Profile) -> (u64, u64) {
    let [ProfileFault { fault: FaultKind::Delay { by, jitter: Some(jitter), distribution, .. }, .. }] =
        profile.faults.as_slice()
    else {
        panic!("{profile:?}")
    };
    assert!(distribution.is_uniform());
    (by.as_micros() - jitter.as_micros(), by.as_micros() + jitter.as_micros())
}

#[test]
fn the_built_in_ones_are_by_name_and_have_a_source() {
    let all = BUILT_IN.map(|text| Profile::parse(text).unwrap());
    let names: Vec<&str> = all.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "3g",
            "brownout",
            "cloud-normal",
            "cross-az",
            "cross-region",
            "flaky-dns",
            "lossy-wifi",
            "satellite"
        ]
    );
    for profile in &all {
        assert!(profile.source.as_str().contains("https://"), "{}", profile.name);
        assert!(profile.faults.len() <= 4, "{}: the default limits allow 4 faults at once", profile.name);
        for ProfileFault { fault, .. } in &profile.faults {
            let percent = fault.percent().map_or(0, |percent| percent.units());
            let delay = fault.longest_delay(true).map_or(0, Span::as_micros);
            assert!(
                percent <= 200_000 && delay <= 2_000_000,
                "{} is within the default limits",
                profile.name
            );
        }
    }
}

/// A packet goes through one device of ours: of two faults that need one, the first would act alone.
#[test]
fn no_packet_needs_two_devices() {
    let device = |fault: &FaultKind| match fault {
        FaultKind::Delay { .. }
        | FaultKind::Corrupt { .. }
        | FaultKind::Reorder { .. }
        | FaultKind::Rate { .. } => true,
        FaultKind::Dns { answer, .. } => *answer == DnsAnswer::Delayed,
        _ => false,
    };
    for text in BUILT_IN {
        let profile = Profile::parse(text).unwrap();
        let ways: Vec<_> = profile
            .faults
            .iter()
            .map(|one| &one.fault)
            .filter(|f| device(f))
            .map(|f| f.direction())
            .collect();
        assert!(ways.iter().filter(|way| way.egress()).count() <= 1, "{}", profile.name);
        assert!(ways.iter().filter(|way| way.ingress()).count() <= 1, "{}", profile.name);
    }
}

/// What a telephone gets of its network: a delay and a rate for the same packets.
#[test]
fn a_link_is_late_and_slow_at_once() {
    let slow = |name| {
        let rate = |one: ProfileFault| match one.fault {
            FaultKind::Delay { rate, direction, .. } => rate.map(|rate| (direction, rate.bits())),
            _ => None,
        };
        built_in(name).faults.into_iter().filter_map(rate).collect::<Vec<_>>()
    };
    assert_eq!(slow("3g"), [(Direction::Egress, 768_000), (Direction::Ingress, 1_600_000)]);
    assert_eq!(slow("lossy-wifi"), [(Direction::Egress, 30_000_000)]);
    assert_eq!(slow("satellite"), [(Direction::Both, 10_000_000)]);
}

#[test]
fn distances_are_as_promised() {
    assert_eq!(range(&built_in("cross-az")), (500, 2_000));
    assert_eq!(range(&built_in("cross-region")), (50_000, 150_000));
}

#[test]
fn a_normal_cloud_loses_little_and_has_a_tail() {
    let profile = built_in("cloud-normal");
    let FaultKind::Drop { draw: Draw::Chance(loss), .. } = profile.faults[0].fault else { panic!() };
    assert!((100..=1_000).contains(&loss.units()), "0.01 % to 0.1 %: {loss}");
    let FaultKind::Delay { distribution: Distribution::Table(table), .. } = &profile.faults[1].fault else {
        panic!()
    };
    let samples = table.micros();
    let (median, p99) = (samples[samples.len() / 2], samples[samples.len() * 99 / 100]);
    assert!((5 * median..=10 * median).contains(&p99), "p99 {p99}, median {median}");
    // netem's tables end at 4 deviations: the tail is within.
    let (mean, deviation) = (table.mean().as_micros(), table.deviation().as_micros());
    assert!(u64::from(p99) <= mean + 4 * deviation, "{p99} of {mean} +- {deviation}");
}

#[test]
fn a_wrong_one_says_where_and_what() {
    const HEAD: &str = "name: a\nabout: b\nsource: c\n";
    for (text, says, line) in [
        (format!("{HEAD}faults:\n  - kind: drop\n    percent: 5\n    colour: red\n"), "colour", "line 7"),
        (format!("{HEAD}faults:\n  - kind: drop\n    percent: 0\n"), "0 % would never act", "line 6"),
        (format!("{HEAD}faults:\n  - kind: drop\n"), "a drop needs `percent`", "line 5"),
        (
            format!("{HEAD}faults:\n  - kind: drop\n    percent: 5\n    for: 30s\n"),
            "`for` does not belong",
            "line 5",
        ),
        (
            format!("{HEAD}faults:\n  - {{kind: partition, peer: ':80'}}\n"),
            "`peer` does not belong",
            "line 5",
        ),
        (
            format!("{HEAD}faults:\n  - {{kind: reset, percent: 5, protocol: udp}}\n"),
            "can't act on udp",
            "line 5",
        ),
        (format!("{HEAD}faults:\n  - {{kind: reorder, percent: 5, by: 0s}}\n"), "changes nothing", "line 5"),
        (format!("{HEAD}faults: []\n"), "a profile of 0 faults", "line 4"),
        (format!("{HEAD}fault: []\n"), "fault", "line 4"),
        ("about: b\nsource: c\nfaults: [{kind: partition}]\n".into(), "`name`", "line 3"),
        (format!("{HEAD}name: b\nfaults: []\n"), "name", "line 4"),
    ] {
        let error = Profile::parse(&text).unwrap_err();
        assert!(error.message.contains(says) && error.message.contains(line), "{text}: {error}");
        assert_eq!(error.kind.exit_code(), 2);
    }
    for text in ["", "# nothing", "[]", "name: [", "\u{0}"] {
        assert!(Profile::parse(text).is_err(), "{text:?}");
    }
}

/// docs/PROFILES.md has every profile as it is: what it is like, its source, and its faults.
#[test]
fn the_document_has_them_all() {
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/PROFILES.md")).unwrap();
    for text in BUILT_IN {
        let Profile { name, about, source, .. } = Profile::parse(text).unwrap();
        let row = format!("| `{name}` | {about} | {source} |");
        assert!(document.lines().any(|line| line == row), "docs/PROFILES.md lacks: {row}");
    }
}
