//! Nothing that is allowed exceeds any limit: random limits, requests and nodes, compared by hand.

use super::*;
use crate::limits::{Budget, Budgets, Freeze, HostFacts, HostLimits, Requirement, Soft, When, Window};
use crate::spec::{CallMatch, Direction, Distribution, Draw, FaultKind, Match, Percent, Span, TargetSpec};
use crate::target::{Cgroup, Process, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A day that begins at midnight UTC: 2026-11-16, a Monday.
const MONDAY: u64 = 1_794_787_200;

/// Mostly a value that lets much pass; else a low one.
fn mostly<T: Clone + std::fmt::Debug + 'static>(
    high: T,
    low: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![12 => Just(high), 1 => low].boxed()
}

fn rarely<T: Clone + std::fmt::Debug + 'static>(
    some: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    mostly(None, some.prop_map(Some))
}

fn percent(whole: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Percent> + Clone {
    (whole, 0..10_000u32)
        .prop_map(|(whole, rest)| Percent::from_units((whole * 10_000 + rest).clamp(1, 1_000_000)).unwrap())
}

fn seconds(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Span> {
    range.prop_map(Span::from_secs)
}

fn limits() -> impl Strategy<Value = Limits> {
    let size = (
        mostly(Span::from_secs(600), seconds(1..=200)),
        mostly(Percent::ALL, percent(0..=99)),
        mostly(Span::from_secs(20), seconds(0..=10)),
        mostly(16, 1..=4u32),
        mostly(16, 1..=3u32),
        mostly(256, 1..=20u32),
        mostly(4096, 1..=20u32),
        mostly(Percent::ALL, percent(0..=99)),
        mostly(Percent::ALL, percent(0..=99)),
        mostly(60, 1..=10u32),
        mostly(Span::from_secs(0), seconds(0..=20)),
    );
    let most = || proptest::option::weighted(0.3, 1..200u64);
    let budget = (most(), most()).prop_map(|(packets, calls)| Budget { packets, calls, ..Budget::default() });
    let window = (0..23u32, 1..=24u32).prop_map(|(from, length)| {
        let at = |hour: u32| format!("{hour:02}:00").parse().unwrap();
        Window { days: vec![], from: at(from), to: at((from + length).min(24)) }
    });
    let freeze = (16..20u32, 0..2u32).prop_map(|(from, length)| Freeze {
        from: format!("2026-11-{from}").parse().unwrap(),
        to: format!("2026-11-{}", from + length).parse().unwrap(),
        why: None,
    });
    let when =
        (proptest::option::of(window), proptest::option::of(freeze)).prop_map(|(window, freeze)| When {
            zone: "UTC".parse().unwrap(),
            windows: window.into_iter().collect(),
            freezes: freeze.into_iter().collect(),
        });
    let host = (
        rarely(1..30u32),
        rarely(percent(0..=99)),
        rarely(percent(0..=99)),
        rarely(percent(0..=99)),
        rarely(percent(0..=99)),
        rarely(percent(0..=99)),
    )
        .prop_map(|(load, cpu, memory, io, free, disk)| HostLimits {
            max_load_per_cpu: load.map(|load| f64::from(load) / 10.0),
            max_cpu_pressure: cpu,
            max_memory_pressure: memory,
            max_io_pressure: io,
            min_free_memory: free,
            min_free_disk: disk,
            disks: vec![],
        });
    let soft = (rarely(percent(0..=99)), rarely(seconds(0..=200)), rarely(0..20u32), rarely(0..20u32));
    let require =
        mostly(vec![], prop_oneof![Just(vec![Requirement::Ticket]), Just(vec![Requirement::Hypothesis])]);
    (size, budget, proptest::option::weighted(0.4, when), host, soft, require).prop_map(
        |(size, fault, when, host, soft, require)| Limits {
            max_ttl: size.0,
            max_percent: size.1,
            max_delay: size.2,
            max_faults: size.3,
            max_targets: size.4,
            max_cgroups: size.5,
            max_processes: size.6,
            max_cgroup_share: size.7,
            max_traffic_share: size.8,
            max_faults_per_hour: size.9,
            cooldown: size.10,
            budget: Budgets { fault, node: Budget::default() },
            when,
            host,
            soft: Soft { percent: soft.0, ttl: soft.1, delay: None, cgroups: soft.2, processes: soft.3 },
            require,
            ..Limits::default()
        },
    )
}

/// A request for so many targets, each with so many cgroups and twice as many processes.
fn request() -> impl Strategy<Value = (FaultSpec, Vec<Target>)> {
    let kind = prop_oneof![
        percent(0..=100).prop_map(|percent| FaultKind::Drop {
            draw: Draw::Chance(percent),
            direction: Direction::Egress,
            local_error: false,
        }),
        (1..15u64, proptest::option::of(0..5u64)).prop_map(|(by, jitter)| FaultKind::Delay {
            by: Span::from_secs(by),
            jitter: jitter.map(|jitter| Span::from_secs(jitter.min(by))),
            correlation: None,
            distribution: Distribution::Uniform,
            in_order: false,
            rate: None,
            draw: None,
            direction: Direction::Egress,
        }),
        Just(FaultKind::Partition { direction: Direction::Both }),
        percent(0..=100).prop_map(|percent| FaultKind::Fail {
            syscall: "open".parse().unwrap(),
            returns: crate::spec::Returns::Errno("EIO".parse().unwrap()),
            exact: false,
            draw: Draw::Chance(percent),
            seed: None,
            path: None,
            which: CallMatch::default(),
            rung: None,
        }),
    ];
    let words = proptest::option::of(Just("words".parse().unwrap()));
    (
        kind,
        1..=4usize,
        1..=5usize,
        proptest::option::of(seconds(1..=250)),
        proptest::option::weighted(0.3, 1..300u64),
        words,
    )
        .prop_map(|(fault, targets, cgroups, ttl, budget, ticket)| {
            let targets: Vec<Target> = (0..targets).map(|number| target(number, cgroups)).collect();
            let spec = FaultSpec {
                name: None,
                targets: targets.iter().map(|target| target.spec.clone()).collect(),
                fault,
                matching: Match::default(),
                ttl,
                budget,
                ramp: None,
                shadow: false,
                hypothesis: None,
                ticket,
                abort: vec![],
            };
            (spec, targets)
        })
}

/// Its first cgroup is protected for number 3.
fn target(number: usize, cgroups: usize) -> Target {
    let path = format!("/t{number}");
    let name = |index: usize| if index == 0 { path.clone() } else { format!("{path}/{index}") };
    let process = |index: usize| Process {
        pid: (1000 * number + index + 2) as u32,
        comm: "app".into(),
        cgroup: name(index / 2),
    };
    Target {
        spec: TargetSpec::Cgroup(path.clone()),
        path: path.clone(),
        cgroups: (0..cgroups)
            .map(|index| Cgroup { path: name(index), id: (100 * number + index) as u64 })
            .collect(),
        processes: (0..2 * cgroups).map(process).collect(),
        notes: vec![],
    }
}

fn node() -> impl Strategy<Value = NodeFacts> {
    let percent = || prop_oneof![Just(None), (0..=100u32).prop_map(|percent| Some(f64::from(percent)))];
    let host = (percent(), percent(), percent(), percent(), percent(), percent());
    // Often within a fault's life before a full hour or a day: there windows and freezes begin and end.
    let before = |length: u64, most: u64| {
        (1..most, 0..250_000u64).prop_map(move |(nth, before)| nth * length - before)
    };
    let (hour, day) = (before(3_600_000, 96), before(86_400_000, 4));
    let when = (prop_oneof![0..4 * 86_400_000u64, hour, day], mostly(false, Just(true)));
    let pace = (0..5usize, 0..12usize, proptest::option::of(0..25_000u64));
    let share = prop_oneof![Just(None), (0..=1000u32).prop_map(|share| Some(f64::from(share) / 1000.0))];
    (host, when, pace, prop_oneof![Just(0usize), 5..200usize], share).prop_map(
        |(host, when, pace, node_cgroups, traffic_share)| NodeFacts {
            armed: pace.0,
            started_last_hour: pace.1,
            since_last_end: pace.2.map(Duration::from_millis),
            node_cgroups,
            traffic_share,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(MONDAY) + Duration::from_millis(when.0),
            clock_jumped: when.1,
            host: HostFacts {
                load_per_cpu: host.0.map(|load| load / 30.0),
                cpu_pressure: host.1,
                memory_pressure: host.2,
                io_pressure: host.3,
                free_memory: host.4,
                free_disk: BTreeMap::from([("/".into(), host.5)]),
            },
        },
    )
}

/// Every limit that this is over, worked out here and not by the code under test.
fn exceeded(spec: &FaultSpec, targets: &[Target], limits: &Limits, node: &NodeFacts) -> Vec<&'static str> {
    let mut over = Vec::new();
    let mut hold = |limit, holds: bool| {
        if !holds {
            over.push(limit);
        }
    };
    let ttl = spec.ttl.map_or(30_000_000.min(limits.max_ttl.as_micros()), Span::as_micros);
    hold("max_ttl", ttl <= limits.max_ttl.as_micros());
    let (units, delay) = match &spec.fault {
        FaultKind::Drop { draw: Draw::Chance(percent), .. }
        | FaultKind::Fail { draw: Draw::Chance(percent), .. } => (percent.units(), 0),
        FaultKind::Delay { by, jitter, .. } => (0, by.as_micros() + jitter.map_or(0, Span::as_micros)),
        // The only other one that is made here loses all.
        _ => (1_000_000, 0),
    };
    hold("max_percent", units <= limits.max_percent.units());
    hold("max_delay", delay <= limits.max_delay.as_micros());
    let cgroups: u32 = targets.iter().map(|target| target.cgroups.len() as u32).sum();
    hold("max_targets", targets.len() as u32 <= limits.max_targets);
    hold("max_cgroups", cgroups <= limits.max_cgroups);
    hold("max_processes", 2 * cgroups <= limits.max_processes);
    let all = Percent::ALL;
    let cgroup_share = f64::from(cgroups) / node.node_cgroups as f64 * 1e6 - 1e-6;
    let known = node.node_cgroups > 0 && cgroup_share <= f64::from(limits.max_cgroup_share.units());
    hold("max_cgroup_share", limits.max_cgroup_share == all || known);
    let known = node
        .traffic_share
        .is_some_and(|share| share * 1e6 - 1e-6 <= f64::from(limits.max_traffic_share.units()));
    hold("max_traffic_share", limits.max_traffic_share == all || known);
    hold("max_faults", node.armed < limits.max_faults as usize);
    hold("max_faults_per_hour", node.started_last_hour < limits.max_faults_per_hour as usize);
    let since = node.since_last_end.map_or(u128::MAX, |since| since.as_micros());
    hold("cooldown", since >= u128::from(limits.cooldown.as_micros()));
    let asked = spec.budget.unwrap_or(1);
    let network = !matches!(spec.fault, FaultKind::Fail { .. });
    hold("budget.fault.packets", !network || limits.budget.fault.packets.is_none_or(|most| asked <= most));
    hold("budget.fault.calls", network || limits.budget.fault.calls.is_none_or(|most| asked <= most));
    let missing = limits.require.iter().any(|required| match required {
        Requirement::Hypothesis => spec.hypothesis.is_none(),
        Requirement::Ticket => spec.ticket.is_none(),
    });
    hold("require", !missing);
    if let Some(when) = &limits.when {
        hold("when", !node.clock_jumped);
        let now =
            node.now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64 - MONDAY * 1_000_000;
        let (day, hour) = (86_400_000_000, 3_600_000_000);
        for window in &when.windows {
            let edge = |text: String| text[..2].parse::<u64>().unwrap() * hour;
            let (from, to) = (edge(window.from.to_string()), edge(window.to.to_string()));
            let whole = from == 0 && to == day;
            hold("when.windows", whole || (now % day >= from && now % day + ttl <= to));
        }
        for freeze in &when.freezes {
            let day_of = |text: String| text[8..].parse::<u64>().unwrap() - 16;
            let (first, last) = (day_of(freeze.from.to_string()), day_of(freeze.to.to_string()));
            hold("when.freezes", now + ttl <= first * day || now >= (last + 1) * day);
        }
    }
    let percent = |most: Option<Percent>| most.map(|most| f64::from(most.units()) / 10_000.0);
    let most = |limit: Option<f64>, measured: Option<f64>| {
        limit.is_none_or(|limit| measured.is_some_and(|measured| measured <= limit))
    };
    let least = |limit: Option<f64>, measured: Option<f64>| {
        limit.is_none_or(|limit| measured.is_some_and(|measured| measured >= limit))
    };
    let (host, facts) = (&limits.host, &node.host);
    hold("host.max_load_per_cpu", most(host.max_load_per_cpu, facts.load_per_cpu));
    hold("host.max_cpu_pressure", most(percent(host.max_cpu_pressure), facts.cpu_pressure));
    hold("host.max_memory_pressure", most(percent(host.max_memory_pressure), facts.memory_pressure));
    hold("host.max_io_pressure", most(percent(host.max_io_pressure), facts.io_pressure));
    hold("host.min_free_memory", least(percent(host.min_free_memory), facts.free_memory));
    hold(
        "host.min_free_disk",
        least(percent(host.min_free_disk), facts.free_disk[std::path::Path::new("/")]),
    );
    if targets.iter().any(|target| target.path == "/t3") {
        over.push("protect");
    }
    over
}

#[test]
fn nothing_allowed_exceeds_any_limit() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2000);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let protection =
        Protection { cgroups: BTreeMap::from([("/t3".into(), "a test".into())]), ..Protection::default() };
    let seen: RefCell<BTreeMap<String, u32>> = RefCell::default();
    let verdict =
        TestRunner::new(config).run(&(limits(), request(), node()), |(limits, (spec, targets), node)| {
            let over = exceeded(&spec, &targets, &limits, &node);
            let result = check(&spec, &targets, &limits, &protection, &node);
            let key = match &result {
                Ok(allowed) => {
                    prop_assert!(over.is_empty(), "allowed, and over {:?}", over);
                    let cgroups = targets.iter().map(|target| target.cgroups.len()).sum::<usize>();
                    prop_assert_eq!(allowed.cgroups.len(), cgroups);
                    let approval = [
                        limits.soft.percent.is_some_and(|soft| spec.fault.percent() > Some(soft)),
                        limits.soft.ttl.is_some_and(|soft| allowed.ttl > soft.duration()),
                        limits.soft.cgroups.is_some_and(|soft| cgroups > soft as usize),
                        limits.soft.processes.is_some_and(|soft| 2 * cgroups > soft as usize),
                    ];
                    let expected = approval.into_iter().filter(|over| *over).count();
                    prop_assert_eq!(allowed.needs_approval.len(), expected);
                    "allowed".to_owned()
                }
                Err(error) => {
                    prop_assert_eq!(error.kind, crate::error::Kind::Refused, "{}", error);
                    let limit = error.limit.as_deref().unwrap_or_default();
                    prop_assert!(over.contains(&limit), "refused by {} and over {:?}", limit, over);
                    prop_assert!(error.asked.as_ref().is_some_and(|asked| !asked.is_empty()), "{}", error);
                    prop_assert!(
                        error.allowed.as_ref().is_some_and(|allowed| !allowed.is_empty()),
                        "{}",
                        error
                    );
                    limit.to_owned()
                }
            };
            *seen.borrow_mut().entry(key).or_default() += 1;
            Ok(())
        });
    let seen = seen.into_inner();
    verdict.unwrap_or_else(|error| panic!("{error}"));
    println!("{cases} cases: {seen:?}");
    // Else the test would say nothing. Fewer cases need not meet every limit.
    if cases >= 1000 {
        assert!(seen["allowed"] * 10 > cases, "{seen:?}");
        assert!(seen.len() > 20, "{seen:?}");
    }
}
