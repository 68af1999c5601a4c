//! What holds for every value: text and JSON round trips, exactness, no panic on any input.

use super::*;
use proptest::prelude::*;
use std::net::IpAddr;
use std::str::FromStr;

fn percent() -> impl Strategy<Value = Percent> {
    (1..=1_000_000u32).prop_map(|units| Percent::from_units(units).unwrap())
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![any::<u64>(), 1..10_000_000u64].prop_map(Span::from_micros)
}

fn address() -> impl Strategy<Value = IpAddr> {
    let v6 = any::<u128>().prop_map(|bits| IpAddr::V6(bits.into()));
    prop_oneof![any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())), v6]
}

fn peer() -> impl Strategy<Value = Peer> {
    let net = (address(), 0..=128u8).prop_map(|(address, prefix)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        ipnet::IpNet::new(address, prefix % (most + 1)).unwrap().trunc()
    });
    let net = net.prop_filter("v4 in v6", |net| match net.addr() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().is_none(),
        IpAddr::V4(_) => true,
    });
    let port = proptest::option::of(1..=u16::MAX);
    (proptest::option::of(net), port)
        .prop_filter("something", |(net, port)| net.is_some() || port.is_some())
        .prop_map(|(net, port)| Peer { net, port })
}

fn fault() -> impl Strategy<Value = FaultSpec> {
    let direction = prop_oneof![Just(Direction::Egress), Just(Direction::Ingress), Just(Direction::Both)];
    let drop = (percent(), direction).prop_map(|(percent, direction)| FaultKind::Drop { percent, direction });
    let delay = (1..u64::MAX, proptest::option::of(any::<u64>())).prop_map(|(by, jitter)| FaultKind::Delay {
        by: Span::from_micros(by),
        jitter: jitter.map(|jitter| Span::from_micros(jitter % by)),
    });
    let fail = (percent(), 1..=133i32, any::<bool>()).prop_map(|(percent, number, path)| FaultKind::Fail {
        syscall: SyscallName::Open,
        errno: Errno::from_number(number).unwrap_or_else(|| "EIO".parse().unwrap()),
        percent,
        path: path.then(|| "/var/lib/app".parse().unwrap()),
    });
    let optional = (proptest::option::of(peer()), proptest::option::of(1..u64::MAX), any::<bool>());
    (prop_oneof![drop, delay, fail], optional).prop_map(|(fault, (peer, budget, named))| FaultSpec {
        name: named.then(|| "drop-db".parse().unwrap()),
        targets: vec!["unit:nginx".parse().unwrap(), "cgroup:/a/b".parse().unwrap()],
        peer: peer.filter(|_| fault.is_network()),
        ttl: budget.map(Span::from_micros),
        budget,
        ramp: fault.percent().filter(|to| named && to.units() > 1).map(|to| Ramp {
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

proptest! {
    #[test]
    fn percents_are_exact(percent in percent()) {
        prop_assert_eq!(percent.to_string().parse::<Percent>().unwrap(), percent);
        let json = serde_json::to_string(&percent).unwrap();
        prop_assert!(!json.contains('"'), "a number: {}", json);
        prop_assert_eq!(serde_json::from_str::<Percent>(&json).unwrap(), percent);
        prop_assert_eq!(json.parse::<Percent>().unwrap(), percent, "the JSON number is the typed decimal");
        let error = i128::from(percent.threshold()) * 1_000_000 - (i128::from(percent.units()) << 32);
        prop_assert!(error.abs() <= 500_000, "the nearest threshold: {}", error);
        prop_assert!(percent.threshold() >= 4295, "0.0001 % is not 0");
    }

    #[test]
    fn text_reads_back(span in span(), peer in peer()) {
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        prop_assert_eq!(peer.to_string().parse::<Peer>().unwrap(), peer, "{}", peer);
    }

    #[test]
    fn a_fault_reads_back_from_json(spec in fault()) {
        prop_assert_eq!(spec.validate(), Ok(()));
        let json = serde_json::to_vec(&spec).unwrap();
        prop_assert_eq!(FaultSpec::from_json(&json).unwrap(), spec.clone());
        let kind = serde_json::to_value(&spec.fault).unwrap();
        prop_assert_eq!(serde_json::from_value::<FaultKind>(kind).unwrap(), spec.fault);
    }

    #[test]
    fn host_bits_are_refused_with_the_network(address in address(), prefix in 1..32u8) {
        let net = ipnet::IpNet::new(address, prefix).unwrap();
        prop_assume!(net.addr() != net.network());
        let asked = if address.is_ipv4() { format!("{net}:80") } else { format!("[{net}]:80") };
        if let Err(error) = asked.parse::<Peer>() {
            let hint = error.hint.unwrap();
            prop_assert!(hint.contains(&net.trunc().to_string()) || hint.starts_with("write "), "{}", hint);
        } else {
            prop_assert!(false, "accepted {}", asked);
        }
    }

    #[test]
    fn no_text_panics_and_what_is_accepted_reads_back(text in "\\PC{0,40}|[0-9.%:/\\[\\]a-fmsuh-]{0,24}") {
        reads_back::<Percent>(&text)?;
        reads_back::<Span>(&text)?;
        reads_back::<Peer>(&text)?;
        reads_back::<Errno>(&text)?;
        reads_back::<SyscallName>(&text)?;
        reads_back::<PathPrefix>(&text)?;
        reads_back::<PathPrefix>(&format!("/{text}"))?;
        reads_back::<TargetSpec>(&format!("unit:{text}"))?;
        reads_back::<TargetSpec>(&format!("cgroup:/{text}"))?;
        reads_back::<FaultName>(&text)?;
        reads_back::<Direction>(&text)?;
        reads_back::<AbortCondition>(&text)?;
        reads_back::<AbortCondition>(&format!("control.retransmits>{text}"))?;
        let _ = FaultSpec::from_json(text.as_bytes());
    }
}

fn reads_back<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = crate::error::Error> + ToString + PartialEq + std::fmt::Debug,
{
    match text.parse::<T>() {
        Ok(value) => prop_assert_eq!(value.to_string().parse::<T>().unwrap(), value),
        Err(error) => {
            prop_assert_eq!(error.kind, crate::error::Kind::Usage);
            prop_assert!(error.hint.is_some(), "what would be right: {}", error);
        }
    }
    Ok(())
}
