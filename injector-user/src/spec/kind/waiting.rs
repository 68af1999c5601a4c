//! How much waits for a rate, and for how long: the limits, the plan and a fault's end must mean the same.

use super::FaultKind;
use crate::spec::{Bandwidth, FaultSpec, Span};

/// Ten full packets: what TCP sends at once to begin with (RFC 6928). Less would be lost before anything is slow.
const TEN_PACKETS: u64 = 16_000;
/// A queue or a bucket that holds less loses whole packets: an Ethernet interface's largest frames, and lo's.
const LARGEST_ETHERNET: u64 = 9_100;
const LARGEST_LOOPBACK: u64 = 66_000;

impl Bandwidth {
    /// How many bytes wait for it unless it is said: 200 ms of it, as before any slow link, and at least ten full
    /// packets (16,000 bytes).
    pub fn usual_queue(self) -> u64 {
        (self.bytes_per_second() / 5).max(TEN_PACKETS)
    }

    /// How long so many bytes take; saturates.
    pub fn time_of(self, bytes: u64) -> Span {
        let micros = u128::from(bytes) * 8_000_000 / u128::from(self.bits());
        Span::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

impl FaultKind {
    /// The largest packet that a bucket must let through, in bytes with its Ethernet header; `loopback`: lo is among
    /// the interfaces.
    pub const fn largest_packet(loopback: bool) -> u64 {
        if loopback { LARGEST_LOOPBACK } else { LARGEST_ETHERNET }
    }

    /// How many bytes may wait in a rate's queue: what was asked, else 200 ms of the rate, but at least ten full
    /// packets and one of what the bucket lets through in one piece. `None`: it is no rate.
    pub fn queue(&self, loopback: bool) -> Option<u64> {
        match self {
            FaultKind::Rate { queue: Some(queue), .. } => Some(queue.get()),
            FaultKind::Rate { rate, .. } => Some(rate.usual_queue().max(self.least_queue(loopback))),
            _ => None,
        }
    }

    /// The least that a rate's queue is chosen to be, in bytes, however low the rate; 0 if it is no rate.
    pub fn least_queue(&self, loopback: bool) -> u64 {
        match self {
            // fq counts packets.
            FaultKind::Rate { per_flow: true, .. } => TEN_PACKETS,
            FaultKind::Rate { burst, .. } => {
                let largest = burst.map_or(Self::largest_packet(loopback), |burst| burst.get());
                largest.clamp(TEN_PACKETS, LARGEST_LOOPBACK)
            }
            _ => 0,
        }
    }
}

impl FaultSpec {
    /// Whether lo can be among its interfaces: unless another one is asked for.
    pub fn may_use_loopback(&self) -> bool {
        self.matching.interface.as_ref().is_none_or(|interface| interface.as_str() == "lo")
    }

    /// See [`FaultKind::longest_delay`].
    pub fn longest_delay(&self) -> Option<Span> {
        self.fault.longest_delay(self.may_use_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(rest: &str) -> FaultSpec {
        FaultSpec::from_json(format!(r#"{{"targets":["cgroup:/a"],{rest}}}"#).as_bytes()).unwrap()
    }

    /// Without a queue asked for: 200 ms, or ten packets, or one of lo's.
    #[test]
    fn what_waits_for_a_rate_has_an_end() {
        for (rest, queue, millis) in [
            (r#""rate":"8mbit""#, 200_000, 200),
            (r#""rate":"1mbit""#, 66_000, 528),
            (r#""rate":"1mbit","interface":"eth0""#, 25_000, 200),
            (r#""rate":"8kbit""#, 66_000, 66_000),
            (r#""rate":"8kbit","interface":"lo""#, 66_000, 66_000),
            (r#""rate":"8kbit","interface":"eth0""#, 16_000, 16_000),
            (r#""rate":"8kbit","interface":"eth0","burst":"30000B""#, 30_000, 30_000),
            (r#""rate":"8kbit","interface":"eth0","burst":"1MiB""#, 66_000, 66_000),
            (r#""rate":"8kbit","per_flow":true"#, 16_000, 16_000),
            (r#""rate":"8kbit","queue":"2000B""#, 2_000, 2_000),
        ] {
            let spec = spec(&format!(r#""kind":"rate",{rest}"#));
            assert_eq!(spec.fault.queue(spec.may_use_loopback()), Some(queue), "{rest}");
            assert_eq!(spec.longest_delay(), Some(Span::from_millis(millis)), "{rest}");
        }
        for (rest, millis) in [
            (r#""by":"80ms","jitter":"20ms""#, 100),
            (r#""by":"80ms","jitter":"20ms","rate":"10mbit""#, 300),
            (r#""by":"150ms","rate":"64kbit""#, 2_150),
        ] {
            let spec = spec(&format!(r#""kind":"delay",{rest}"#));
            assert_eq!(spec.longest_delay(), Some(Span::from_millis(millis)), "{rest}");
        }
    }
}
