//! What a fault must know of a packet, for tc and cgroup hooks alike: headers are read from the network
//! header on, by helper, so that it does not matter where they are in memory.

use aya_ebpf::{
    bindings::{__sk_buff, bpf_hdr_start_off::BPF_HDR_START_NET},
    helpers::generated::bpf_skb_load_bytes_relative,
};
use injector_ebpf::means::{
    PROTO_ICMP, PROTO_OTHER, PROTO_TCP, PROTO_UDP, SEGMENT_DATA, SEGMENT_FIRST, SEGMENT_LATER, SEGMENT_SYN,
};

const ETH_P_IP: u32 = (0x0800u16).to_be() as u32;
const ETH_P_IPV6: u32 = (0x86ddu16).to_be() as u32;
const ETH_P_8021Q: u32 = (0x8100u16).to_be() as u32;
const ETH_P_8021AD: u32 = (0x88a8u16).to_be() as u32;
const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// More extension headers in a row do not occur in practice.
const EXTENSIONS: u32 = 4;
pub const FLAG_SYN: u8 = 0x02;
pub const FLAG_RST: u8 = 0x04;
pub const FLAG_ACK: u8 = 0x10;

/// Addresses as four big-endian words, IPv4 mapped; ports in host order.
#[derive(Clone, Copy)]
pub struct Packet {
    pub src: [u32; 4],
    pub dst: [u32; 4],
    pub src_port: u16,
    pub dst_port: u16,
    pub protocol: u8,
    /// Neighbour discovery: the IPv6 twin of ARP.
    pub neighbour: bool,
    pub ipv6: bool,
    /// The first of several fragments: those behind it have no ports.
    pub fragmented: bool,
    /// From the network header to the transport's.
    pub transport: u32,
    /// `SEGMENT_` bits.
    pub segments: u32,
}

/// Why a packet has no [`Packet`].
pub enum Opaque {
    /// Not IP: ARP and the like, which are always let through.
    NotIp,
    /// Its ports cannot be known (a later fragment, an unknown header).
    Unparsed,
}

/// Reads from the network header on.
#[inline(always)]
pub fn load<T: Copy>(skb: *mut __sk_buff, offset: u32) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    let ret = unsafe {
        bpf_skb_load_bytes_relative(
            skb.cast(),
            offset,
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            BPF_HDR_START_NET as u32,
        )
    };
    if ret == 0 { Some(unsafe { value.assume_init() }) } else { None }
}

impl Packet {
    #[inline(always)]
    pub fn parse(skb: *mut __sk_buff) -> Result<Self, Opaque> {
        let ipv6 = match unsafe { (*skb).protocol } {
            ETH_P_IP => false,
            ETH_P_IPV6 => true,
            // The tag stands in the packet; the network header is the one behind it all the same.
            ETH_P_8021Q | ETH_P_8021AD => match load::<u8>(skb, 0).map(|byte| byte >> 4) {
                Some(4) => false,
                Some(6) => true,
                _ => return Err(Opaque::NotIp),
            },
            _ => return Err(Opaque::NotIp),
        };
        let packet = if ipv6 { Self::ipv6(skb) } else { Self::ipv4(skb) };
        packet.ok_or(Opaque::Unparsed)
    }

    #[inline(always)]
    fn ipv4(skb: *mut __sk_buff) -> Option<Self> {
        // With the word behind a header without options: every packet of a transport has it, and it holds the
        // ports, so that most packets need one load.
        let head: [u32; 6] = load(skb, 0)?;
        let ihl = (u32::from_be(head[0]) >> 24) & 0xf;
        if u32::from_be(head[1]) & 0x1fff != 0 {
            return None;
        }
        let mapped = 0xffff_u32.to_be();
        let mut packet = Self {
            src: [0, 0, mapped, head[3]],
            dst: [0, 0, mapped, head[4]],
            src_port: 0,
            dst_port: 0,
            protocol: (u32::from_be(head[2]) >> 16) as u8,
            neighbour: false,
            ipv6: false,
            fragmented: u32::from_be(head[1]) & 0x2000 != 0,
            transport: ihl * 4,
            segments: 0,
        };
        if matches!(packet.protocol, TCP | UDP) {
            let ports = if ihl == 5 { head[5] } else { load(skb, packet.transport)? };
            packet.ports(ports);
        }
        let behind = (u32::from_be(head[0]) & 0xffff).wrapping_sub(packet.transport);
        packet.segments(skb, behind)
    }

    #[inline(always)]
    fn ipv6(skb: *mut __sk_buff) -> Option<Self> {
        let head: [u32; 10] = load(skb, 0)?;
        let mut packet = Self {
            src: [head[2], head[3], head[4], head[5]],
            dst: [head[6], head[7], head[8], head[9]],
            src_port: 0,
            dst_port: 0,
            protocol: (u32::from_be(head[1]) >> 8) as u8,
            neighbour: false,
            ipv6: true,
            fragmented: false,
            transport: 40,
            segments: 0,
        };
        // Hop-by-hop, routing and destination options, and the fragment header of a first fragment.
        for _ in 0..EXTENSIONS {
            if !matches!(packet.protocol, 0 | 43 | 44 | 60) {
                break;
            }
            let next: [u8; 4] = load(skb, packet.transport)?;
            if packet.protocol == 44 {
                if u16::from_be_bytes([next[2], next[3]]) & 0xfff8 != 0 {
                    return None;
                }
                packet.fragmented = true;
                packet.transport += 8;
            } else {
                packet.transport += (next[1] as u32 + 1) * 8;
            }
            packet.protocol = next[0];
        }
        if packet.protocol == ICMPV6 {
            let kind: u8 = load(skb, packet.transport)?;
            packet.neighbour = matches!(kind, 133..=137);
            return Some(packet);
        }
        if matches!(packet.protocol, 0 | 43 | 44 | 60) {
            return None;
        }
        if matches!(packet.protocol, TCP | UDP) {
            let ports = load(skb, packet.transport)?;
            packet.ports(ports);
        }
        let behind = (u32::from_be(head[1]) >> 16) + 40 - packet.transport;
        packet.segments(skb, behind)
    }

    #[inline(always)]
    fn ports(&mut self, word: u32) {
        let ports = u32::from_be(word);
        self.src_port = (ports >> 16) as u16;
        self.dst_port = ports as u16;
    }

    /// Which part of a conversation it is; `behind`: bytes from the transport header on, by the IP header.
    #[inline(always)]
    fn segments(mut self, skb: *mut __sk_buff, behind: u32) -> Option<Self> {
        match self.protocol {
            TCP => {
                let word: [u8; 2] = load(skb, self.transport + 12)?;
                self.segments = if word[1] & FLAG_SYN == 0 {
                    SEGMENT_LATER
                } else if word[1] & FLAG_ACK == 0 {
                    SEGMENT_SYN | SEGMENT_FIRST
                } else {
                    SEGMENT_SYN
                };
                if behind > (word[0] as u32 >> 4) * 4 {
                    self.segments |= SEGMENT_DATA;
                }
            }
            UDP if behind > 8 => self.segments = SEGMENT_DATA,
            _ => {}
        }
        Some(self)
    }

    /// Its `PROTO_` bit.
    #[inline(always)]
    pub fn kind(&self) -> u32 {
        match self.protocol {
            TCP => PROTO_TCP,
            UDP => PROTO_UDP,
            ICMP | ICMPV6 => PROTO_ICMP,
            _ => PROTO_OTHER,
        }
    }

    /// Packets that no rule may touch, whoever sends them.
    #[inline(always)]
    pub fn protected(&self, peer: &[u32; 4]) -> bool {
        use super::maps::INJ_ADDRESSES;
        self.neighbour || INJ_ADDRESSES.get(&aya_ebpf::maps::lpm_trie::Key::new(128, *peer)).is_some()
    }

    /// One of its ports is protected.
    #[inline(always)]
    pub fn protected_port(&self) -> bool {
        matches!(self.protocol, TCP | UDP) && (protects(self.src_port) || protects(self.dst_port))
    }
}

/// Is this port protected?
#[inline(always)]
pub fn protects(port: u16) -> bool {
    use super::maps::INJ_PORTS;
    match INJ_PORTS.get(port as u32 / 64) {
        Some(word) => word >> (port % 64) & 1 != 0,
        None => true,
    }
}

/// Segments on the wire that an skb stands for.
#[inline(always)]
pub fn wire(skb: *mut __sk_buff) -> u64 {
    match unsafe { (*skb).gso_segs } {
        0 => 1,
        n => u64::from(n),
    }
}
