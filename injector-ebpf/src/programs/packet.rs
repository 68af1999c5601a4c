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
///
/// Aligned, so that it is cleared eight bytes at a time.
#[repr(C, align(8))]
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
    /// Its `PROTO_` bit, above its `SEGMENT_` bits.
    pub what: u32,
}

/// Why a packet has no [`Packet`].
pub enum Opaque {
    /// Not IP: ARP and the like, which are always let through.
    NotIp,
    /// Its ports cannot be known (a later fragment, an unknown header).
    Unparsed,
}

/// [`inj_parse`]: the packet was read.
const READ: u32 = 0;
const NOT_IP: u32 = 1;
const UNPARSED: u32 = 2;

/// Reads the packet's headers into `packet`.
///
/// A global function: the verifier looks at it once, by itself. Behind it all that was read is any number, and not one case for
/// each protocol, segment and header, each of which would be followed through all that comes later.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_parse(skb: *mut __sk_buff, packet: *mut Packet) -> u32 {
    let Some(packet) = (unsafe { packet.as_mut() }) else { return UNPARSED };
    match packet.read(skb) {
        Ok(()) => READ,
        Err(Opaque::NotIp) => NOT_IP,
        Err(Opaque::Unparsed) => UNPARSED,
    }
}

/// Words of a TCP header up to its flags.
const TCP_WORDS: usize = 4;

/// Reads the first words from the network header on. False: the packet has not so many, and nothing was read.
#[inline(always)]
fn fill(skb: *mut __sk_buff, words: &mut [u32], count: usize) -> bool {
    let (to, from) = (words.as_mut_ptr().cast(), BPF_HDR_START_NET as u32);
    unsafe { bpf_skb_load_bytes_relative(skb.cast(), 0, to, (count * size_of::<u32>()) as u32, from) == 0 }
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
    /// Not read yet.
    pub const NOTHING: Self = Self {
        src: [0; 4],
        dst: [0; 4],
        src_port: 0,
        dst_port: 0,
        protocol: 0,
        neighbour: false,
        ipv6: false,
        fragmented: false,
        transport: 0,
        what: 0,
    };

    /// Reads a packet's headers into [`Packet::NOTHING`].
    #[inline(always)]
    pub fn parse(&mut self, skb: *mut __sk_buff) -> Result<(), Opaque> {
        match inj_parse(skb, self) {
            READ => Ok(()),
            NOT_IP => Err(Opaque::NotIp),
            _ => Err(Opaque::Unparsed),
        }
    }

    #[inline(always)]
    fn read(&mut self, skb: *mut __sk_buff) -> Result<(), Opaque> {
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
        let read = if ipv6 { self.ipv6(skb) } else { self.ipv4(skb) };
        read.ok_or(Opaque::Unparsed)
    }

    #[inline(always)]
    fn ipv4(&mut self, skb: *mut __sk_buff) -> Option<()> {
        // With the words behind a header without options, as far as TCP's flags, so that most packets need one load. Every
        // packet of a transport has the first of them, which holds the ports.
        let mut head = [0_u32; 5 + TCP_WORDS];
        let whole = fill(skb, &mut head, 5 + TCP_WORDS);
        if !whole && !fill(skb, &mut head, 6) {
            return None;
        }
        let ihl = (u32::from_be(head[0]) >> 24) & 0xf;
        if u32::from_be(head[1]) & 0x1fff != 0 {
            return None;
        }
        let mapped = 0xffff_u32.to_be();
        self.src = [0, 0, mapped, head[3]];
        self.dst = [0, 0, mapped, head[4]];
        self.fragmented = u32::from_be(head[1]) & 0x2000 != 0;
        let protocol = (u32::from_be(head[2]) >> 16) as u8;
        let transport = ihl * 4;
        if matches!(protocol, TCP | UDP) {
            self.ports(if ihl == 5 { head[5] } else { load(skb, transport)? });
        }
        let behind = (u32::from_be(head[0]) & 0xffff).wrapping_sub(transport);
        let flags = if whole && ihl == 5 { Some(head[8]) } else { None };
        self.segments(skb, protocol, transport, behind, flags)
    }

    #[inline(always)]
    fn ipv6(&mut self, skb: *mut __sk_buff) -> Option<()> {
        let mut head = [0_u32; 10 + TCP_WORDS];
        let whole = fill(skb, &mut head, 10 + TCP_WORDS);
        if !whole && !fill(skb, &mut head, 10) {
            return None;
        }
        self.src = [head[2], head[3], head[4], head[5]];
        self.dst = [head[6], head[7], head[8], head[9]];
        self.ipv6 = true;
        let (mut protocol, mut transport) = ((u32::from_be(head[1]) >> 8) as u8, 40);
        // Hop-by-hop, routing and destination options, and the fragment header of a first fragment.
        for _ in 0..EXTENSIONS {
            if !matches!(protocol, 0 | 43 | 44 | 60) {
                break;
            }
            let next: [u8; 4] = load(skb, transport)?;
            if protocol == 44 {
                if u16::from_be_bytes([next[2], next[3]]) & 0xfff8 != 0 {
                    return None;
                }
                self.fragmented = true;
                transport += 8;
            } else {
                transport += (next[1] as u32 + 1) * 8;
            }
            protocol = next[0];
        }
        if protocol == ICMPV6 {
            let kind: u8 = load(skb, transport)?;
            self.neighbour = matches!(kind, 133..=137);
            self.is(protocol, transport, 0);
            return Some(());
        }
        if matches!(protocol, 0 | 43 | 44 | 60) {
            return None;
        }
        let near = whole && transport == 40;
        if matches!(protocol, TCP | UDP) {
            self.ports(if near { head[10] } else { load(skb, transport)? });
        }
        let behind = (u32::from_be(head[1]) >> 16) + 40 - transport;
        self.segments(skb, protocol, transport, behind, if near { Some(head[13]) } else { None })
    }

    #[inline(always)]
    fn ports(&mut self, word: u32) {
        let ports = u32::from_be(word);
        self.src_port = (ports >> 16) as u16;
        self.dst_port = ports as u16;
    }

    /// Which part of a conversation it is; `behind`: bytes from the transport header on, by the IP header; `flags`: the word
    /// of a TCP header that holds them, if it was read.
    #[inline(always)]
    fn segments(
        &mut self,
        skb: *mut __sk_buff,
        protocol: u8,
        transport: u32,
        behind: u32,
        flags: Option<u32>,
    ) -> Option<()> {
        let mut segments = 0;
        match protocol {
            TCP => {
                let word = match flags {
                    Some(word) => word,
                    None => u32::from(load::<u16>(skb, transport + 12)?),
                };
                let [length, flags, ..] = word.to_ne_bytes();
                segments = if flags & FLAG_SYN == 0 {
                    SEGMENT_LATER
                } else if flags & FLAG_ACK == 0 {
                    SEGMENT_SYN | SEGMENT_FIRST
                } else {
                    SEGMENT_SYN
                };
                if behind > (u32::from(length) >> 4) * 4 {
                    segments |= SEGMENT_DATA;
                }
            }
            UDP if behind > 8 => segments = SEGMENT_DATA,
            _ => {}
        }
        self.is(protocol, transport, segments);
        Some(())
    }

    #[inline(always)]
    fn is(&mut self, protocol: u8, transport: u32, segments: u32) {
        let kind = match protocol {
            TCP => PROTO_TCP,
            UDP => PROTO_UDP,
            ICMP | ICMPV6 => PROTO_ICMP,
            _ => PROTO_OTHER,
        };
        (self.protocol, self.transport, self.what) = (protocol, transport, kind << 16 | segments);
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
