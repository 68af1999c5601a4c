//! Which packets a rule means, beside their cgroup.

/// [`Means::protocols`]
pub const PROTO_TCP: u32 = 1;
/// [`Means::protocols`]
pub const PROTO_UDP: u32 = 2;
/// [`Means::protocols`]: ICMP and ICMPv6.
pub const PROTO_ICMP: u32 = 4;
/// [`Means::protocols`]: everything else.
pub const PROTO_OTHER: u32 = 8;

/// [`Means::segments`]: the segments that make a connection (SYN, SYN and ACK).
pub const SEGMENT_SYN: u32 = 1;
/// [`Means::segments`]: all other segments of TCP.
pub const SEGMENT_LATER: u32 = 2;
/// [`Means::segments`]: only a SYN without ACK: somebody wants a new connection.
pub const SEGMENT_FIRST: u32 = 4;
/// [`Means::segments`]: it has data (any protocol with ports).
pub const SEGMENT_DATA: u32 = 8;

/// A range of ports, with both its ends; `high` 0: every port.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// First.
    pub low: u16,
    /// Last.
    pub high: u16,
}

impl Ports {
    /// Every port.
    pub const ANY: Self = Self { low: 0, high: 0 };

    /// Is the port one of them?
    #[inline(always)]
    pub fn holds(self, port: u16) -> bool {
        self.high == 0 || (self.low <= port && port <= self.high)
    }
}

/// What a packet must be.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// `PROTO_` bits; 0: every protocol.
    pub protocols: u32,
    /// `SEGMENT_` bits, all of which the packet must have; 0: every packet.
    pub segments: u32,
    /// The other end's.
    pub peer: Ports,
    /// The target's.
    pub local: Ports,
    /// The other end's, left out; `high` 0: none is.
    pub except: Ports,
    /// Index of the interface; 0: every interface.
    pub interface: u32,
}

/// What a packet is.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// One `PROTO_` bit.
    pub protocol: u32,
    /// Its `SEGMENT_` bits.
    pub segments: u32,
    /// In host order.
    pub peer_port: u16,
    /// The peer's other port, where NAT rewrites it: that on the wire, or that which the program asked for; else the same.
    pub other_port: u16,
    /// In host order.
    pub local_port: u16,
    /// Index.
    pub interface: u32,
}

impl Means {
    /// Every packet.
    pub const ALL: Self = Self {
        protocols: 0,
        segments: 0,
        peer: Ports::ANY,
        local: Ports::ANY,
        except: Ports::ANY,
        interface: 0,
    };

    /// Does it mean this packet? The peer's address is a matter of its own: the trie of peers.
    #[inline(always)]
    pub fn holds(&self, seen: &Seen) -> bool {
        (self.protocols == 0 || self.protocols & seen.protocol != 0)
            && self.segments & !seen.segments == 0
            && self.peer.holds(seen.peer_port)
            && self.local.holds(seen.local_port)
            && (self.except.high == 0
                || !(self.except.holds(seen.peer_port) || self.except.holds(seen.other_port)))
            && (self.interface == 0 || self.interface == seen.interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen = Seen {
        protocol: PROTO_TCP,
        segments: SEGMENT_LATER,
        peer_port: 443,
        other_port: 443,
        local_port: 40_000,
        interface: 2,
    };

    #[test]
    fn each_condition_counts() {
        assert!(Means::ALL.holds(&SEEN));
        let ports = |low, high| Ports { low, high };
        let cases = [
            (Means { protocols: PROTO_TCP | PROTO_UDP, ..Means::ALL }, true),
            (Means { protocols: PROTO_UDP, ..Means::ALL }, false),
            (Means { segments: SEGMENT_LATER, ..Means::ALL }, true),
            (Means { segments: SEGMENT_SYN, ..Means::ALL }, false),
            (Means { segments: SEGMENT_LATER | SEGMENT_DATA, ..Means::ALL }, false),
            (Means { peer: ports(443, 443), ..Means::ALL }, true),
            (Means { peer: ports(400, 442), ..Means::ALL }, false),
            (Means { local: ports(40_000, 50_000), ..Means::ALL }, true),
            (Means { local: ports(1, 39_999), ..Means::ALL }, false),
            (Means { except: ports(1, 442), ..Means::ALL }, true),
            (Means { except: ports(443, 500), ..Means::ALL }, false),
            (Means { interface: 2, ..Means::ALL }, true),
            (Means { interface: 3, ..Means::ALL }, false),
        ];
        for (means, holds) in cases {
            assert_eq!(means.holds(&SEEN), holds, "{means:?}");
        }
        let rewritten = Seen { other_port: 8443, ..SEEN };
        assert!(!Means { except: ports(8443, 8443), ..Means::ALL }.holds(&rewritten), "left out by either");
        assert!(
            !Means { peer: ports(8443, 8443), ..Means::ALL }.holds(&rewritten),
            "meant with its own address"
        );
    }
}
