//! Which packets a plan means, by protocol and ends: what the rule and the kernel's trie of addresses will decide.

use std::net::{IpAddr, SocketAddr};

use injector_ebpf::{
    means::{PROTO_ICMP, PROTO_TCP, PROTO_UDP, SEGMENT_FIRST, SEGMENT_SYN, Seen},
    rule::RULE_DNS,
};

use super::{Addresses, Plan};
use crate::spec::Protocol;

impl Addresses {
    /// Is this address the other end of packets that are meant?
    pub fn mean(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let peer = match self.peers.as_slice() {
            [] => !self.nobody,
            peers => peers.iter().any(|net| net.contains(&address)),
        };
        peer && !self.excepts(address)
    }

    /// Is it one of those that are left out?
    pub fn excepts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.except.iter().any(|net| net.contains(&address))
    }
}

impl Plan {
    /// Does the rule mean packets of this protocol between these ports of the target and of the other end, whatever
    /// the addresses? Of TCP it may still mean certain segments only.
    pub fn means_ports(&self, protocol: Protocol, local: u16, peer: u16) -> bool {
        let means = &self.rule.means;
        means.holds(&Seen {
            protocol: match protocol {
                Protocol::Tcp => PROTO_TCP,
                Protocol::Udp => PROTO_UDP,
                Protocol::Icmp => PROTO_ICMP,
            },
            segments: u32::MAX,
            peer_port: peer,
            other_port: peer,
            local_port: local,
            interface: means.interface,
        })
    }

    /// The same, and the address of the other end is meant.
    pub fn means(&self, protocol: Protocol, local: u16, peer: SocketAddr) -> bool {
        self.addresses.mean(peer.ip()) && self.means_ports(protocol, local, peer.port())
    }

    /// Is this end left out, by address or port?
    pub fn leaves_out(&self, peer: SocketAddr) -> bool {
        let except = self.rule.means.except;
        self.addresses.excepts(peer.ip()) || (except.high != 0 && except.holds(peer.port()))
    }

    /// Can be told from the target's open sockets what it would act on? Not if it waits for connections that begin,
    /// for questions for names, or for what has no sockets.
    pub fn means_sockets(&self) -> bool {
        let rule = &self.rule;
        self.spec.fault.is_network()
            && rule.means.segments & (SEGMENT_SYN | SEGMENT_FIRST) == 0
            && rule.flags & RULE_DNS == 0
            && rule.means.protocols != PROTO_ICMP
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::planned;

    fn plan(body: &str) -> Plan {
        planned(&format!(r#"{{{body},"targets":["cgroup:/app"]}}"#)).unwrap()
    }

    #[test]
    fn a_flow_is_meant_if_all_fits() {
        let means = |keys: &str, remote: &str| {
            let plan = plan(&format!(r#""kind":"drop","percent":5,"local_port":"1000-1999",{keys}"#));
            [999, 1000, 1999, 2000].map(|port| plan.means(Protocol::Tcp, port, remote.parse().unwrap()))
        };
        let (all, none) = ([false, true, true, false], [false; 4]);
        let two = r#""peer":["10.0.0.0/8:80","192.0.2.1:80"]"#;
        assert_eq!(means(two, "192.0.2.1:80"), all);
        assert_eq!(means(two, "192.0.2.1:81"), none);
        assert_eq!(means(two, "192.0.2.2:80"), none);
        assert_eq!(means(r#""peer":"10.0.0.0/8""#, "[::ffff:10.0.0.1]:80"), all);
        assert_eq!(means(r#""peer":"10.0.0.0/8","except":":80-90""#, "10.0.0.1:90"), none);
        // As the kernel has it: the address on every port, and the port at every address.
        let except = r#""except":"10.0.0.1:80""#;
        assert_eq!(means(except, "10.0.0.1:81"), none);
        assert_eq!(means(except, "10.0.0.2:80"), none);
        assert_eq!(means(except, "10.0.0.2:81"), all);
        assert_eq!(means(r#""protocol":"udp""#, "10.0.0.1:80"), none);
        let nobody = Addresses { nobody: true, ..Addresses::default() };
        assert!(!nobody.mean([10, 0, 0, 1].into()), "names without an address are not everybody");
    }

    #[test]
    fn what_waits_for_something_else_has_no_sockets_to_count() {
        for (body, counted) in [
            (r#""kind":"drop","percent":5"#, true),
            (r#""kind":"drop","percent":5,"connections":"established""#, true),
            (r#""kind":"drop","percent":5,"connections":"new""#, false),
            (r#""kind":"drop","percent":5,"protocol":"icmp""#, false),
            (r#""kind":"refuse","percent":5"#, false),
            (r#""kind":"dns","names":"*","answer":"lost","percent":5"#, false),
            (r#""kind":"garble","percent":5"#, true),
            (r#""kind":"fail","syscall":"open","errno":"EIO","percent":5"#, false),
        ] {
            assert_eq!(plan(body).means_sockets(), counted, "{body}");
        }
    }
}
