//! What a fault must know of a packet, for tc and cgroup hooks alike: headers are read from the network
//! header on, by helper, so that it does not matter where they are in memory.

use aya_ebpf::{
    bindings::{__sk_buff, bpf_hdr_start_off::BPF_HDR_START_NET},
    helpers::generated::bpf_skb_load_bytes_relative,
};

const ETH_P_IP: u32 = (0x0800u16).to_be() as u32;
const ETH_P_IPV6: u32 = (0x86ddu16).to_be() as u32;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

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
}

/// Why a packet has no [`Packet`].
pub enum Opaque {
    /// Not IP: ARP and the like, which are always let through.
    NotIp,
    /// Its ports cannot be known (a later fragment, an unknown header).
    Unparsed,
}

#[inline(always)]
fn load<T: Copy>(skb: *mut __sk_buff, offset: u32) -> Option<T> {
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
        match unsafe { (*skb).protocol } {
            ETH_P_IP => Self::ipv4(skb).ok_or(Opaque::Unparsed),
            ETH_P_IPV6 => Self::ipv6(skb).ok_or(Opaque::Unparsed),
            _ => Err(Opaque::NotIp),
        }
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
        let protocol = (u32::from_be(head[2]) >> 16) as u8;
        let mapped = 0xffff_u32.to_be();
        let mut packet = Self {
            src: [0, 0, mapped, head[3]],
            dst: [0, 0, mapped, head[4]],
            src_port: 0,
            dst_port: 0,
            protocol,
            neighbour: false,
        };
        if ihl != 5 {
            return packet.ports(skb, ihl * 4);
        }
        if matches!(protocol, TCP | UDP) {
            let ports = u32::from_be(head[5]);
            packet.src_port = (ports >> 16) as u16;
            packet.dst_port = ports as u16;
        }
        Some(packet)
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
        };
        let mut offset = 40;
        // Hop-by-hop, routing and destination options; more than three in a row do not occur in practice.
        for _ in 0..3 {
            if !matches!(packet.protocol, 0 | 43 | 60) {
                break;
            }
            let next: [u8; 2] = load(skb, offset)?;
            packet.protocol = next[0];
            offset += (next[1] as u32 + 1) * 8;
        }
        if packet.protocol == ICMPV6 {
            let kind: u8 = load(skb, offset)?;
            packet.neighbour = matches!(kind, 133..=137);
            return Some(packet);
        }
        if matches!(packet.protocol, 0 | 43 | 44 | 60) {
            return None;
        }
        packet.ports(skb, offset)
    }

    #[inline(always)]
    fn ports(mut self, skb: *mut __sk_buff, offset: u32) -> Option<Self> {
        if matches!(self.protocol, TCP | UDP) {
            let ports: [u16; 2] = load(skb, offset)?;
            self.src_port = u16::from_be(ports[0]);
            self.dst_port = u16::from_be(ports[1]);
        }
        Some(self)
    }

    /// Packets that no rule may touch, whoever sends them.
    #[inline(always)]
    pub fn protected(&self, peer: &[u32; 4]) -> bool {
        use super::maps::{INJ_ADDRESSES, INJ_PORTS};
        if self.neighbour {
            return true;
        }
        let set = |port: u16| match INJ_PORTS.get(port as u32 / 64) {
            Some(word) => word >> (port % 64) & 1 != 0,
            None => true,
        };
        if matches!(self.protocol, TCP | UDP) && (set(self.src_port) || set(self.dst_port)) {
            return true;
        }
        INJ_ADDRESSES.get(&aya_ebpf::maps::lpm_trie::Key::new(128, *peer)).is_some()
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
