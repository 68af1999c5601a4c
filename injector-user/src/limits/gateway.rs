//! The default gateways, from the routing tables that the kernel shows below /proc/net.

use crate::error::Error;
use crate::target::Host;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// RTF_GATEWAY of linux/route.h: the route has a next hop.
const GATEWAY: u32 = 0x2;

/// The addresses of the default gateways: of the network namespace of `pid`, or of the reader's own. A table that
/// does not exist (no IPv6) is empty.
pub fn gateways(host: &Host, pid: Option<u32>) -> Result<BTreeSet<IpAddr>, Error> {
    let net = match pid {
        Some(pid) => host.proc.join(format!("{pid}/net")),
        None => host.proc.join("net"),
    };
    let v4 = read(&net.join("route"))?;
    let v6 = read(&net.join("ipv6_route"))?;
    Ok(v4
        .lines()
        .filter_map(route)
        .map(IpAddr::V4)
        .chain(v6.lines().filter_map(route6).map(IpAddr::V6))
        .collect())
}

fn read(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(|error| Error::failed(format!("can't read {}: {error}", path.display()))),
    }
}

/// The gateway of a default route. Fields: Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT;
/// addresses are the hex of the big-endian word as this machine reads it.
fn route(line: &str) -> Option<Ipv4Addr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let hex = |index: usize| fields.get(index).and_then(|field| u32::from_str_radix(field, 16).ok());
    let (destination, gateway, flags, mask) = (hex(1)?, hex(2)?, hex(3)?, hex(7)?);
    (destination == 0 && mask == 0 && flags & GATEWAY != 0).then(|| Ipv4Addr::from(gateway.to_ne_bytes()))
}

/// The gateway of a default route. Fields: destination, its prefix length, source, its prefix length, next hop,
/// metric, references, use, flags, device; all hex, addresses in wire order.
fn route6(line: &str) -> Option<Ipv6Addr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let address = |index: usize| fields.get(index).and_then(|field| u128::from_str_radix(field, 16).ok());
    let (destination, prefix, next) = (address(0)?, address(1)?, address(4)?);
    let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
    (destination == 0 && prefix == 0 && next != 0 && flags & GATEWAY != 0).then(|| Ipv6Addr::from(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_default_routes_with_a_gateway() {
        assert_eq!(
            route("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0"),
            Some(Ipv4Addr::new(192, 0, 2, 1))
        );
        assert_eq!(route("eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"), None);
        assert_eq!(route("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask"), None);
        let zero = "0".repeat(32);
        let line = format!("{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 1 0 00450003 eth0");
        assert_eq!(route6(&line), Some("fe80::1".parse().unwrap()));
        assert_eq!(route6(&format!("{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo")), None);
    }
}
