//! How much a delay's device may hold.

use super::*;
use crate::spec::FaultSpec;

const ROOM_64M: Room = Room { memory: 64 << 20, loopback: false };

fn netem(rest: &str, room: &Room) -> Result<Netem, Error> {
    let text = format!(r#"{{"kind":"delay","targets":["cgroup:/a"],{rest}}}"#);
    match shape(&FaultSpec::from_json(text.as_bytes())?.fault, room)? {
        Some(Shape::Netem(netem)) => Ok(netem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_delay_holds_what_comes_in_its_time() {
    for (by, limit) in [("1ms", 1_000), ("80ms", 4_000), ("2s", 29_127)] {
        let netem = netem(&format!(r#""by":"{by}""#), &ROOM_64M).unwrap();
        assert_eq!((netem.limit_packets, netem.rate_bytes_per_second), (limit, None), "{by}");
    }
    let error = netem(r#""by":"80ms""#, &Room { memory: 1 << 20, loopback: false }).unwrap_err();
    assert!(error.to_string().contains("1843200 bytes"), "{error}");
}

/// In the delay and 200 ms a rate of 30 Mbit/s carries 631 full packets; 8 kbit/s carry none, and ten have room.
#[test]
fn a_delay_with_a_rate_holds_what_the_rate_carries() {
    for (rest, limit, rate) in [
        (r#""by":"40ms","jitter":"15ms","rate":"30mbit""#, 632, 3_750_000),
        (r#""by":"150ms","rate":"768kbit""#, 23, 96_000),
        (r#""by":"10ms","rate":"8kbit""#, 11, 1_000),
        (r#""by":"1s","rate":"100gbit""#, 29_127, 12_500_000_000),
    ] {
        let netem = netem(rest, &ROOM_64M).unwrap();
        assert_eq!((netem.limit_packets, netem.rate_bytes_per_second), (limit, Some(rate)), "{rest}");
    }
    // Slow, it holds little however late it is.
    let little = Room { memory: 1 << 20, loopback: false };
    assert_eq!(netem(r#""by":"2s","rate":"768kbit""#, &little).unwrap().limit_packets, 140);
    assert!(netem(r#""by":"80ms","rate":"1gbit""#, &little).is_err());
}
