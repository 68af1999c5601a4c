//! Whom the program asked for, where its namespace's NAT has rewritten the packet: the socket knows.
//!
//! A tunnel's packet keeps the socket of the one that it carries. So the socket is only believed of packets of its own
//! protocol; and of UDP, which is what most tunnels are made of, only if they have its own port.

use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_sk_fullsock, maps::lpm_trie::Key};
use injector_ebpf::rule::PeerRules;

use super::{
    maps::{INJ_ADDRESSES, INJ_PEERS},
    packet::{Packet, TCP, UDP},
};

const ELSEWHERE: u64 = 1 << 16;
const PROTECTED: u64 = 1 << 17;
const MEANT_SHIFT: u32 = 32;
const LEFT_OUT_SHIFT: u32 = 48;
const IPV6: u32 = 1 << 16;
const PROTOCOL_SHIFT: u32 = 24;

/// Whom a program asked for, as [`inj_asked`] has found it. Not an option of parts: of one that is not there the compiler
/// would move parts around that were never written, which the verifier forbids.
#[derive(Clone, Copy)]
pub struct Asked(u64);

impl Asked {
    /// Whoever stands in the packet, or nobody that is known.
    pub const SAME: Self = Self(0);

    /// Of a packet on its way out. The same if it carries whom its program asked for, or the socket does not know: it is
    /// not connected. One that is connected and sends elsewhere all the same looks as if it was rewritten.
    #[inline(always)]
    pub fn of(skb: *mut __sk_buff, packet: &Packet) -> Self {
        let [a, b, c, d] = packet.dst.map(u64::from);
        let port = u32::from(packet.dst_port)
            | if packet.ipv6 { IPV6 } else { 0 }
            | u32::from(packet.protocol) << PROTOCOL_SHIFT;
        Self(inj_asked(skb, a << 32 | b, c << 32 | d, port, u32::from(packet.src_port)))
    }

    /// Is it somebody else than who stands in the packet? Only then the others say anything.
    #[inline(always)]
    pub fn elsewhere(self) -> bool {
        self.0 & ELSEWHERE != 0
    }

    /// Its port.
    #[inline(always)]
    pub fn port(self) -> u16 {
        self.0 as u16
    }

    /// What the rules say of its address.
    #[inline(always)]
    pub fn rules(self) -> PeerRules {
        let rules = |shift: u32| (self.0 >> shift) as u32 & 0xffff;
        PeerRules { meant: rules(MEANT_SHIFT), left_out: rules(LEFT_OUT_SHIFT) }
    }

    /// Its address is protected.
    #[inline(always)]
    pub fn protected(self) -> bool {
        self.0 & PROTECTED != 0
    }
}

/// A global function: the verifier looks at it once, by itself, and not once for every way that leads here. The words
/// of the packet's destination, and above its port [`IPV6`] and the protocol; 0 if the socket says the same.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_asked(skb: *mut __sk_buff, high: u64, low: u64, port: u32, from: u32) -> u64 {
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return 0;
    }
    let sk = unsafe { bpf_sk_fullsock(sk) };
    if sk.is_null() {
        return 0;
    }
    let protocol = port >> PROTOCOL_SHIFT;
    let own = unsafe { core::ptr::read_volatile(&raw const (*sk).protocol) } == protocol;
    let same_port = unsafe { core::ptr::read_volatile(&raw const (*sk).src_port) } == from;
    if !own || (protocol != u32::from(TCP) && (protocol != u32::from(UDP) || !same_port)) {
        return 0;
    }
    let to = u16::from_be(unsafe { (*sk).dst_port });
    // Word by word, and all of them: the verifier takes no address inside of a socket, as code for either would have.
    let v4 = unsafe { core::ptr::read_volatile(&raw const (*sk).dst_ip4) };
    let word = |at: usize| unsafe { core::ptr::read_volatile(&raw const (*sk).dst_ip6[at]) };
    let v6 = [word(0), word(1), word(2), word(3)];
    let there = [(high >> 32) as u32, high as u32, (low >> 32) as u32, low as u32];
    let address = if port & IPV6 != 0 { v6 } else { [there[0], there[1], there[2], v4] };
    if to == 0 || (address == there && to == port as u16) {
        return 0;
    }
    let key = Key::new(128, address);
    let none = PeerRules { meant: 0, left_out: 0 };
    let rules = INJ_PEERS.get(&key).copied().unwrap_or(none);
    let protected = if INJ_ADDRESSES.get(&key).is_some() { PROTECTED } else { 0 };
    u64::from(to)
        | ELSEWHERE
        | protected
        | u64::from(rules.meant & 0xffff) << MEANT_SHIFT
        | u64::from(rules.left_out & 0xffff) << LEFT_OUT_SHIFT
}
