//! Made-up documents for the tests of this room.

use crate::{
    api::types::{
        AchievedDelayDoc, AchievedDoc, AmountDoc, AskedDelayDoc, CountersDoc, DelayDoc, DependencyDoc,
        FaultDoc, Fidelity, GaugeDoc, PlaceDoc, PlaceKind, PressureDoc, SaturationDoc, SignalsDoc, State,
        Unit,
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
    }
}

/// A dependency of `bytes` bytes each way.
pub fn dependency(service: &str, bytes: u64) -> DependencyDoc {
    DependencyDoc {
        cgroup: "/app".to_owned(),
        side: "out".to_owned(),
        service: service.to_owned(),
        protocol: "tcp".to_owned(),
        open: 1,
        ended: 2,
        tx_segments: 10,
        tx_bytes: bytes,
        rx_segments: 10,
        rx_bytes: bytes,
        retransmits: 1,
        injected_drops: 2,
        injected_delays: 3,
        rtt_samples: 25,
        rtt_p50_us: Some(120),
        rtt_p90_us: Some(250),
        rtt_p99_us: None,
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
