//! What holds for every value: text and JSON round trips, exactness, no panic on any input.

mod strategies;

use super::*;
use proptest::prelude::*;
use std::str::FromStr;
use strategies::*;

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
    fn text_reads_back(span in span(), peer in peer(), gilbert in gilbert(), rate in bandwidth(), bytes in bytes(1)) {
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        prop_assert_eq!(peer.to_string().parse::<Peer>().unwrap(), peer.clone(), "{}", peer);
        prop_assert_eq!(gilbert.to_string().parse::<Gilbert>().unwrap(), gilbert);
        prop_assert_eq!(rate.to_string().parse::<Bandwidth>().unwrap(), rate);
        prop_assert_eq!(bytes.to_string().parse::<Bytes>().unwrap(), bytes);
    }

    #[test]
    fn a_share_is_never_told_as_less_than_it_is(gilbert in gilbert(), nth in 2..=1_000_000u32) {
        let told = Draw::Bursts(gilbert).share().fraction();
        prop_assert!(told >= gilbert.share() - 1e-9 && told <= gilbert.share() + 2e-6, "{} {}", told, gilbert.share());
        prop_assert!(Draw::Every(nth).share().fraction() * f64::from(nth) >= 1.0 - 1e-9);
    }

    #[test]
    fn a_fault_reads_back_from_json(spec in fault()) {
        prop_assert_eq!(spec.validate(), Ok(()));
        let json = serde_json::to_vec(&spec).unwrap();
        prop_assert_eq!(FaultSpec::from_json(&json).unwrap(), spec.clone());
        prop_assert!(spec.fault.percent() >= spec.fault.chance(), "the limits see what a ramp goes up to");
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
        reads_back::<Gilbert>(&text)?;
        reads_back::<Bandwidth>(&text)?;
        reads_back::<Bytes>(&text)?;
        reads_back::<Ports>(&text)?;
        reads_back::<Protocol>(&text)?;
        reads_back::<Connections>(&text)?;
        reads_back::<Count>(&text)?;
        reads_back::<DnsAnswer>(&text)?;
        reads_back::<DnsPattern>(&text)?;
        reads_back::<DnsPattern>(&format!("*.{text}"))?;
        reads_back::<Distribution>(&text)?;
        reads_back::<HostName>(&text)?;
        reads_back::<InterfaceName>(&text)?;
        reads_back::<Errno>(&text)?;
        reads_back::<SyscallName>(&text)?;
        reads_back::<PathPattern>(&text)?;
        reads_back::<PathPattern>(&format!("/{text}"))?;
        reads_back::<TargetSpec>(&format!("unit:{text}"))?;
        reads_back::<TargetSpec>(&format!("cgroup:/{text}"))?;
        reads_back::<TargetSpec>(&format!("cgroup:/*{text}"))?;
        reads_back::<TargetSpec>(&format!("container:{text}"))?;
        reads_back::<TargetSpec>(&format!("pod:{text}"))?;
        reads_back::<TargetSpec>(&format!("pod:a/{text}"))?;
        reads_back::<TargetSpec>(&format!("pid:{text}"))?;
        reads_back::<FaultName>(&text)?;
        reads_back::<Direction>(&text)?;
        reads_back::<AbortCondition>(&text)?;
        reads_back::<AbortCondition>(&format!("control.retransmits>{text}"))?;
        let _ = FaultSpec::from_json(text.as_bytes());
        let _ = Profile::parse(&text);
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
