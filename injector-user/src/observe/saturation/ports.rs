//! Ports that connections to one peer hold: each of a host's addresses has the whole range for each peer, and no more.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use super::files::numbers;
use crate::api::types::{GaugeDoc, Unit};

/// Peers that are shown, those with the most ports.
const SHOWN: usize = 8;

/// The ports that the kernel hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    first: u64,
    last: u64,
    /// Those of them that it leaves out.
    reserved: u64,
}

impl Range {
    /// From ip_local_port_range (`32768 60999`) and ip_local_reserved_ports (`8080,9000-9010`, or nothing).
    pub(super) fn parse(range: &str, reserved: &str) -> Option<Self> {
        let [first, last] = numbers(range)[..] else { return None };
        let within = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) =
                (from.trim().parse::<u64>().ok()?.max(first), to.trim().parse::<u64>().ok()?.min(last));
            Some((to + 1).saturating_sub(from))
        };
        let reserved = reserved.split(',').filter_map(within).sum();
        (first <= last).then_some(Self { first, last, reserved })
    }

    /// How many there are.
    pub(super) fn size(self) -> u64 {
        (self.last - self.first + 1).saturating_sub(self.reserved)
    }

    fn has(self, port: u16) -> bool {
        (self.first..=self.last).contains(&u64::from(port))
    }
}

/// Sockets by own address and peer.
#[derive(Debug, Default)]
pub(super) struct Ports(BTreeMap<(IpAddr, SocketAddr), u64>);

impl Ports {
    /// A connection that this side has opened, in whatever state.
    pub(super) fn add(&mut self, range: Range, local: SocketAddr, remote: SocketAddr) {
        if range.has(local.port()) && remote.port() != 0 {
            *self.0.entry((local.ip(), remote)).or_default() += 1;
        }
    }

    /// The peers with the most.
    pub(super) fn gauges(self, range: Range) -> Vec<GaugeDoc> {
        let mut all: Vec<_> = self.0.into_iter().collect();
        all.sort_by_key(|(who, used)| (std::cmp::Reverse(*used), *who));
        let gauge = |((local, remote), used): ((IpAddr, SocketAddr), u64)| {
            GaugeDoc::new("ports", used, Some(range.size()), Unit::Count).of(format!("{local} to {remote}"))
        };
        all.into_iter().take(SHOWN).map(gauge).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_none_of_the_range() {
        let size = |range, reserved| Range::parse(range, reserved).map(Range::size);
        assert_eq!(size("32768\t60999\n", "\n"), Some(28_232));
        assert_eq!(size("32768 60999", "8080,32767-32769,60999"), Some(28_229));
        assert_eq!(size("1000 1000", ""), Some(1));
        assert_eq!((size("2000 1000", ""), size("x", "")), (None, None));
    }

    #[test]
    fn each_peer_has_the_range_for_itself() {
        let range = Range::parse("40000 40009", "").unwrap();
        let mut ports = Ports::default();
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for port in 40_000..40_007 {
            ports.add(range, SocketAddr::new([10, 0, 0, 1].into(), port), at("10.0.0.5:5432"));
        }
        ports.add(range, at("10.0.0.1:40000"), at("10.0.0.6:80"));
        ports.add(range, at("10.0.0.1:9000"), at("10.0.0.6:80"));
        ports.add(range, at("10.0.0.1:40001"), at("0.0.0.0:0"));
        let gauges = ports.gauges(range);
        assert_eq!(gauges.len(), 2, "{gauges:?}");
        assert_eq!(gauges[0].of.as_deref(), Some("10.0.0.1 to 10.0.0.5:5432"));
        assert_eq!((gauges[0].used, gauges[0].limit, gauges[0].percent), (7, Some(10), Some(70.0)));
        assert_eq!(gauges[1].used, 1, "a port of one's own choice is not of the range");
    }
}
