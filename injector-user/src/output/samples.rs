//! Made-up documents for the tests of this room.

use crate::{
    api::types::{
        AchievedDelayDoc, AchievedDoc, AmountDoc, AmplificationDoc, AskedDelayDoc, ChangeDoc, CountersDoc,
        DelayDoc, DependencyDoc, FailuresChangeDoc, FailuresDoc, FaultDoc, Fidelity, GaugeDoc, GroupDoc,
        KindsDoc, PaceDoc, PlaceDoc, PlaceKind, PressureDoc, SaturationDoc, SignalsDoc, State, Unit,
        WindowDoc, WindowsDoc,
    },
    spec::FaultSpec,
};

/// An armed drop.
pub fn fault(id: &str) -> FaultDoc {
    let spec = br#"{"kind": "drop", "percent": 5, "targets": ["cgroup:/app"], "for": "30s"}"#;
    let target = SignalsDoc {
        samples: 250,
        rtt_p50_us: Some(1_500),
        rtt_p90_us: Some(2_000),
        rtt_p99_us: Some(9_000),
        segments: 900,
        retransmits: 40,
    };
    FaultDoc {
        id: id.to_owned(),
        name: None,
        state: State::Armed,
        summary: String::new(),
        spec: FaultSpec::from_json(spec).unwrap(),
        cgroups: 1,
        processes: 2,
        flows: Some(3),
        started: "2026-01-01T00:00:00Z".to_owned(),
        ends: "2026-01-01T00:00:30Z".to_owned(),
        left_ms: 12_500,
        ended: None,
        end: None,
        end_reason: None,
        rung: None,
        reaction: None,
        counters: CountersDoc {
            matched: 1000,
            acted: 51,
            acted_wire: 60,
            passed_chance: 949,
            ..Default::default()
        },
        achieved: AchievedDoc {
            failed: AmountDoc { skbs: 2, ..AmountDoc::default() },
            matched: AmountDoc { skbs: 1000, wire: Some(1100), bytes: Some(90_000) },
            rate_percent: Some(5.1),
            asked_percent: Some(5.0),
            verdict: Some(Fidelity::Within),
            delay: Some(DelayDoc {
                asked: Some(AskedDelayDoc { by_us: 80_000, jitter_us: 0, p50_us: 80_000, p99_us: 80_000 }),
                achieved: Some(AchievedDelayDoc {
                    samples: 51,
                    mean_us: Some(80_100),
                    p50_us: Some(80_070),
                    p90_us: Some(80_200),
                    p99_us: None,
                }),
                why: None,
            }),
            ..AchievedDoc::default()
        },
        nothing_matched: None,
        target,
        control: SignalsDoc::default(),
        control_verdict: "ok".to_owned(),
        clean: None,
        percent_now: Some(5.0),
        by: "root".to_owned(),
        notes: Vec::new(),
        recovery: None,
        recovery_judged: None,
        windows: None,
        amplification: Vec::new(),
    }
}

/// A dependency of `bytes` bytes each way.
pub fn dependency(service: &str, bytes: u64) -> DependencyDoc {
    DependencyDoc {
        cgroup: "/app".to_owned(),
        side: "out".to_owned(),
        service: service.to_owned(),
        names: Vec::new(),
        protocol: "tcp".to_owned(),
        open: 1,
        ended: 2,
        tx_packets: 7,
        tx_segments: 10,
        tx_bytes: bytes,
        rx_packets: 6,
        rx_segments: 10,
        rx_bytes: bytes,
        retransmits: 1,
        injected_drops: 2,
        injected_delays: 3,
        rtt_samples: 25,
        rtt_p50_us: Some(120),
        rtt_p90_us: Some(250),
        rtt_p99_us: Some(400),
        rtt_p999_us: Some(900),
        kinds: KindsDoc::default(),
    }
}

/// The same with windows, a dependency and a hostile name: how a report of it looks is in tests/golden.
pub fn with_windows(id: &str) -> FaultDoc {
    let window = |seconds, samples, us: [Option<u64>; 4], segments, resent: u64| WindowDoc {
        seconds,
        signals: SignalsDoc {
            samples,
            rtt_p50_us: us[0],
            rtt_p90_us: us[1],
            rtt_p99_us: us[2],
            segments,
            retransmits: resent,
        },
        rtt_p999_us: us[3],
        resent_percent: (segments > 0).then(|| resent as f64 / segments as f64 * 100.0),
        segments_per_second: (segments > 0).then(|| segments as f64 / seconds),
        failures: None,
    };
    let failures = |[connects, failed_connects, connections, resets, queries, failed_queries]: [u64; 6]| {
        Some(FailuresDoc { connects, failed_connects, connections, resets, queries, failed_queries })
    };
    let some = |us: [u64; 3]| us.map(Some);
    let [b50, b90, b99] = some([1_000, 1_200, 2_000]);
    let [d50, d90, d99] = some([81_000, 90_000, 99_000]);
    let target = GroupDoc {
        before: Some(WindowDoc {
            failures: failures([120, 3, 40, 0, 9, 0]),
            ..window(60.0, 3_000, [b50, b90, b99, Some(4_000)], 3_000, 3)
        }),
        during: WindowDoc {
            failures: failures([200, 50, 45, 9, 0, 0]),
            ..window(30.0, 250, [d50, d90, d99, None], 750, 33)
        },
        after: None,
        during_change: Some(ChangeDoc {
            rtt_p50_us: Some(80_000),
            rtt_p90_us: Some(88_800),
            rtt_p99_us: Some(97_000),
            rtt_p999_us: None,
            resent_points: Some(4.3),
            segments_ratio: Some(0.5),
            failures: Some(FailuresChangeDoc {
                failed_connects_points: Some(22.5),
                resets_points: Some(20.0),
                failed_queries_points: None,
            }),
        }),
        after_change: None,
    };
    let control = GroupDoc {
        before: Some(window(60.0, 0, [None; 4], 0, 0)),
        during: window(30.0, 9, [b50, None, None, None], 0, 0),
        ..GroupDoc::default()
    };
    let pace = |seconds, n: u64, bytes| PaceDoc { seconds, connections: Some(n), segments: 10 * n, bytes };
    FaultDoc {
        windows: Some(WindowsDoc { target, control, disturbed: false }),
        amplification: vec![AmplificationDoc {
            cgroup: "/app".to_owned(),
            side: "out".to_owned(),
            service: "10.0.0.5:5432".to_owned(),
            protocol: "tcp".to_owned(),
            before: Some(pace(60.0, 60, 60_000)),
            during: pace(30.0, 1_200, 120_000),
            connections_ratio: Some(40.0),
            segments_ratio: Some(40.0),
            bytes_ratio: Some(4.0),
        }],
        ..fault(id)
    }
}

/// A cgroup with a limit, and 60 dependencies.
pub fn saturation() -> SaturationDoc {
    let mut cgroup = PlaceDoc::new(PlaceKind::Cgroup, "/app");
    cgroup.gauge("memory", 750, Some(1000), Unit::Bytes);
    cgroup.gauge("pids", 7, None, Unit::Count);
    cgroup.gauges.push(GaugeDoc::new("fds", 80, Some(100), Unit::Count).of("nginx (4711)"));
    cgroup.overflow("throttled_periods", None, 12);
    cgroup.pressures.push(PressureDoc {
        what: "cpu".to_owned(),
        some_percent: None,
        full_percent: None,
        some_avg10: 1.0,
        full_avg10: None,
        some_total_us: 2_500_000,
        full_total_us: None,
    });
    let dependency = |n: u64| {
        let mut place = PlaceDoc::new(PlaceKind::Dependency, format!("10.0.0.{n:02}:5432"));
        place.cgroup = Some("/app".to_owned());
        place.gauges.push(GaugeDoc::new("receive_buffer", n, Some(100), Unit::Bytes).of("10.0.0.1:40000"));
        place
    };
    let places = [cgroup].into_iter().chain((0..60).map(dependency)).collect();
    SaturationDoc { places, ..SaturationDoc::default() }
}
