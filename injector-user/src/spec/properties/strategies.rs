//! Every value that there can be.

use crate::spec::*;
use proptest::prelude::*;
use std::net::IpAddr;

pub(super) fn percent() -> impl Strategy<Value = Percent> {
    (1..=1_000_000u32).prop_map(|units| Percent::from_units(units).unwrap())
}

pub(super) fn span() -> impl Strategy<Value = Span> {
    prop_oneof![any::<u64>(), 1..10_000_000u64].prop_map(Span::from_micros)
}

pub(super) fn address() -> impl Strategy<Value = IpAddr> {
    let v6 = any::<u128>().prop_map(|bits| IpAddr::V6(bits.into()));
    prop_oneof![any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())), v6]
}

pub(super) fn ports() -> impl Strategy<Value = Ports> {
    (1..=u16::MAX, 1..=u16::MAX).prop_map(|(a, b)| Ports { low: a.min(b), high: a.max(b) })
}

pub(super) fn host() -> impl Strategy<Value = Host> {
    let net = (address(), 0..=128u8).prop_map(|(address, prefix)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        ipnet::IpNet::new(address, prefix % (most + 1)).unwrap().trunc()
    });
    let net = net.prop_filter("v4 in v6", |net| match net.addr() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().is_none(),
        IpAddr::V4(_) => true,
    });
    prop_oneof![Just(Host::Any), net.prop_map(Host::Net), name().prop_map(Host::Name)]
}

pub(super) fn name() -> impl Strategy<Value = HostName> {
    "[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?(\\.[a-z]{1,5}){0,3}"
        .prop_filter_map("a number", |name| name.parse().ok())
}

pub(super) fn peer() -> impl Strategy<Value = Peer> {
    (host(), proptest::option::of(ports()))
        .prop_filter("something", |(host, ports)| *host != Host::Any || ports.is_some())
        .prop_map(|(host, ports)| Peer { host, ports })
}

pub(super) fn gilbert() -> impl Strategy<Value = Gilbert> {
    (percent(), percent(), percent(), proptest::option::of(percent()))
        .prop_map(|(p, r, loss_bad, loss_good)| Gilbert { p, r, loss_bad, loss_good })
}

pub(super) fn draw() -> impl Strategy<Value = Draw> {
    prop_oneof![
        percent().prop_map(Draw::Chance),
        percent().prop_map(Draw::Flows),
        gilbert().prop_map(Draw::Bursts),
        (2..=1_000_000u32).prop_map(Draw::Every),
        (1..=u32::MAX).prop_map(Draw::First),
    ]
}

pub(super) fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Egress), Just(Direction::Ingress), Just(Direction::Both)]
}

pub(super) fn bandwidth() -> impl Strategy<Value = Bandwidth> {
    (8_000..=100_000_000_000u64).prop_map(|bits| Bandwidth::from_bits(bits).unwrap())
}

pub(super) fn bytes(least: u64) -> impl Strategy<Value = Bytes> {
    (least..=1 << 30).prop_map(|bytes| Bytes::new(bytes).unwrap())
}

pub(super) fn table() -> impl Strategy<Value = Distribution> {
    proptest::collection::vec(1..10_000_000u64, 11..20).prop_map(|micros| {
        let spans = micros.into_iter().chain([0]).map(Span::from_micros);
        Distribution::Table(LatencyTable::new(spans).unwrap())
    })
}

/// A delay of everything or of some, with a jitter of at least 1 us.
pub(super) fn delay() -> impl Strategy<Value = FaultKind> {
    let named = ["uniform", "normal", "pareto", "paretonormal"].map(|name| name.parse().unwrap());
    let shape =
        (1..u64::MAX / 8, any::<u64>(), prop_oneof![proptest::sample::select(named.to_vec()), table()]);
    let order = (any::<bool>(), proptest::option::of(bandwidth()));
    (shape, proptest::option::of(percent()), order, proptest::option::of(draw()), direction()).prop_map(
        |((by, jitter, distribution), correlation, (in_order, rate), draw, direction)| FaultKind::Delay {
            by: Span::from_micros(by),
            jitter: Some(Span::from_micros(jitter % by + 1)),
            correlation: correlation.filter(|_| !matches!(distribution, Distribution::Table(_))),
            distribution,
            in_order,
            rate,
            draw,
            direction,
        },
    )
}

pub(super) fn rate() -> impl Strategy<Value = FaultKind> {
    let sizes = (proptest::option::of(bytes(1_600)), proptest::option::of(bytes(1)));
    (bandwidth(), sizes, any::<bool>(), direction()).prop_map(
        |(rate, (burst, queue), per_flow, direction)| FaultKind::Rate {
            rate,
            burst: burst.filter(|_| !per_flow),
            queue,
            per_flow,
            direction,
        },
    )
}

pub(super) fn dns() -> impl Strategy<Value = FaultKind> {
    let pattern = prop_oneof![
        Just(DnsPattern::All),
        name().prop_map(DnsPattern::Name),
        name().prop_map(DnsPattern::Below),
    ];
    let answer = prop_oneof![
        Just((DnsAnswer::Lost, None)),
        Just((DnsAnswer::Delayed, Some(Span::from_secs(2)))),
        Just((DnsAnswer::Nxdomain, None)),
        Just((DnsAnswer::Servfail, None)),
        Just((DnsAnswer::Empty, None)),
    ];
    (pattern, answer, draw()).prop_map(|(pattern, (answer, by), draw)| FaultKind::Dns {
        names: vec![pattern],
        answer,
        by,
        draw,
    })
}

pub(super) fn kind() -> impl Strategy<Value = FaultKind> {
    let fail = (percent(), 1..=133i32, any::<bool>()).prop_map(|(percent, number, path)| FaultKind::Fail {
        syscall: if path { "open" } else { "fsync" }.parse().unwrap(),
        exact: !path && number % 2 == 0,
        returns: match Errno::from_number(number).filter(|errno| errno.name() != "EINTR") {
            Some(errno) => Returns::Errno(errno),
            None => Returns::Outcomes("EIO=70,ENOSPC=30".parse().unwrap()),
        },
        draw: Draw::Chance(percent),
        seed: (number % 3 == 0).then(|| "7".parse().unwrap()),
        path: path.then(|| "/var/lib/app".parse().unwrap()),
        which: CallMatch {
            uid: (number % 3 == 0).then_some(number as u32),
            comm: (number % 5 == 0).then(|| "writer 1".parse().unwrap()),
            process: (number % 7 == 0).then(|| "postgres".parse().unwrap()),
            arg: if !path && number % 2 == 0 {
                vec!["0=3".parse().unwrap(), "1!=AT_FDCWD".parse().unwrap()]
            } else {
                vec![]
            },
            fd_path: (!path && number % 11 == 0).then(|| "/data/*.db".parse().unwrap()),
            fd: (!path && number % 13 == 0).then_some(Descriptor::File),
        },
        rung: (number % 3 == 0).then(|| Rung::ALL[number as usize % Rung::ALL.len()]),
    });
    let simple = (0..8usize, draw(), direction(), 1..=1_000_000u32, any::<bool>()).prop_map(
        |(which, draw, direction, above, told)| match which {
            0 => FaultKind::Drop { draw, direction, local_error: told && !direction.ingress() },
            1 => FaultKind::Corrupt { draw, direction },
            2 => FaultKind::Garble { draw, direction },
            3 => FaultKind::Duplicate { draw, direction },
            4 => FaultKind::Reorder { draw, by: Span::from_micros(above.into()), direction },
            5 => FaultKind::Reset { draw, direction },
            6 if told => FaultKind::Refuse { draw: None, above: Some(above), direction },
            6 => FaultKind::Refuse { draw: Some(draw), above: None, direction },
            _ if told => FaultKind::Partition { direction },
            _ => FaultKind::Blackhole { direction },
        },
    );
    prop_oneof![3 => simple, 2 => delay(), 1 => rate(), 1 => dns(), 1 => fail]
}

/// What every fault of the network can have: the same ports for all peers, and nothing that only TCP has.
pub(super) fn matching() -> impl Strategy<Value = Match> {
    let peers = || proptest::collection::vec(host().prop_filter("someone", |host| *host != Host::Any), 0..4);
    let name = proptest::option::of(Just("eth0".parse::<InterfaceName>().unwrap()));
    (peers(), peers(), proptest::option::of(ports()), proptest::option::of(ports()), name).prop_map(
        |(peer, except, except_ports, local_port, interface)| Match {
            peer: peer.into_iter().map(|host| Peer { host, ports: None }).collect(),
            except: except.into_iter().map(|host| Peer { host, ports: except_ports }).collect(),
            local_port,
            protocol: None,
            connections: None,
            interface,
        },
    )
}

pub(super) fn fault() -> impl Strategy<Value = FaultSpec> {
    let optional = (matching(), proptest::option::of(1..u64::MAX), any::<bool>());
    (kind(), optional).prop_map(|(fault, (matching, budget, named))| FaultSpec {
        name: named.then(|| "drop-db".parse().unwrap()),
        targets: ["unit:nginx", "cgroup:/a/b", "cgroup:/a/*", "container:4f2a", "pod:default/web-0", "pid:7"]
            .map(|target| target.parse().unwrap())
            .to_vec(),
        matching: if fault.is_network() { matching } else { Match::default() },
        ttl: budget.map(Span::from_micros),
        budget,
        ramp: fault.chance().filter(|to| named && to.units() > 1).map(|to| Ramp {
            from: Percent::from_units(1).unwrap(),
            to,
            over: Span::from_secs(60),
        }),
        fault,
        shadow: named,
        hypothesis: named.then(|| "p99 stays below 200 ms".parse().unwrap()),
        ticket: None,
        abort: if named { vec!["target.rtt_p99>250ms".parse().unwrap()] } else { vec![] },
    })
}
