//! Addresses as the kernel programs write them, in words.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address in four big-endian words; a mapped IPv4 address is an IPv4 address.
pub fn ip(words: [u32; 4]) -> IpAddr {
    let mut bytes = [0; 16];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
}

/// `address:port`, `[address]:port` for IPv6; `*` without a port: nobody in particular.
pub fn endpoint(words: [u32; 4], port: u16) -> String {
    if port == 0 { "*".to_owned() } else { SocketAddr::new(ip(words), port).to_string() }
}

/// The name of an IP protocol number.
pub fn protocol(number: u32) -> String {
    match number {
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_ipv4_and_a_missing_port_is_nobody() {
        let words = |address: &str| {
            let address: Ipv6Addr = address.parse().unwrap();
            let octets = address.octets();
            [0, 4, 8, 12].map(|i| u32::from_ne_bytes(octets[i..i + 4].try_into().unwrap()))
        };
        assert_eq!(endpoint(words("::ffff:10.0.0.5"), 5432), "10.0.0.5:5432");
        assert_eq!(endpoint(words("2001:db8::1"), 443), "[2001:db8::1]:443");
        assert_eq!(endpoint(words("::ffff:0.0.0.0"), 0), "*");
        assert_eq!(endpoint(words("::"), 0), "*");
        assert_eq!((protocol(6), protocol(17), protocol(132)), ("tcp".into(), "udp".into(), "132".into()));
    }
}
