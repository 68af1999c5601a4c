//! Which rules mean a packet, in which order they are asked, and what comes of it.
//!
//! Rules are asked in the order of their slots, in three stages: those that lose or answer the packet, until one of
//! them acts; those that send it through a device of ours, until one acts; those that change or double it, until
//! one acts. Each rule that is asked throws its own dice.

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_get_socket_uid, bpf_skb_cgroup_id},
    maps::lpm_trie::Key,
};
use injector_ebpf::{
    means::Seen,
    rule::{
        ACT_DEVICE, ACT_DROP, ACT_DUPLICATE, ACT_GARBLE, BLOCK_PORTS, CG_DNS, CG_FLOWS, CG_PEERS, CG_PORTS,
        CG_PROTECTED, CgroupEntry, HOOK_CGROUP_EGRESS, HOOK_CGROUP_INGRESS, HOOK_EGRESS, HOOK_INGRESS,
        MAX_RULES, PeerRules, PortRules, RULE_DNS, RULE_PEERS,
    },
};

use super::{
    asked::Asked,
    atomic, dns, draw,
    gate::{self, PACKET_METERS, Slot, count},
    maps::{INJ_PEERS, INJ_PORT_RULES, INJ_RULES},
    packet::{Opaque, Packet, UDP, protects, wire},
};

const DNS_PORT: u16 = 53;

/// No rule.
pub const NONE: u32 = MAX_RULES as u32;

/// The rules that act on a packet, by stage; [`NONE`] where none does.
#[derive(Clone, Copy)]
pub struct Chosen {
    pub lose: u32,
    pub device: u32,
    pub change: u32,
}

/// Where the rules of a stage begin in a set of rules by stage: the order of its bits is that of asking.
const DEVICE: u32 = 16;
const CHANGE: u32 = 32;

/// A packet of a target, seen from the target's end.
pub struct Candidate<'a> {
    pub packet: &'a Packet,
    pub outgoing: bool,
    pub now: u64,
    pub wire: u64,
    pub bytes: u64,
    rules: u64,
    flow: u32,
    /// By its cgroup, its owner, its kind or its address.
    protected: bool,
    /// By its ports.
    protected_port: bool,
}

/// What a tc hook knows of the owner of an outgoing packet; 0: nobody.
#[inline(always)]
pub fn sender(skb: *mut __sk_buff) -> u64 {
    let id = unsafe { bpf_skb_cgroup_id(skb) };
    if id == 0 {
        count!(unattributed);
    }
    id
}

/// What the rules say of an address.
#[inline(always)]
fn named(peer: [u32; 4]) -> PeerRules {
    let nothing = PeerRules { meant: 0, left_out: 0 };
    INJ_PEERS.get(&Key::new(128, peer)).copied().unwrap_or(nothing)
}

/// The rules that cannot mean a port.
#[inline(always)]
fn unmeant(port: u16) -> PortRules {
    let none = PortRules { peer: 0, local: 0 };
    match INJ_PORT_RULES.get(u32::from(port) / BLOCK_PORTS as u32) {
        Some(block) => block[usize::from(port) % BLOCK_PORTS],
        None => none,
    }
}

#[inline(always)]
pub fn parse(skb: *mut __sk_buff, packet: &mut Packet) -> Option<()> {
    match packet.parse(skb) {
        Ok(()) => Some(()),
        Err(Opaque::NotIp) => None,
        Err(Opaque::Unparsed) => {
            count!(unparsed);
            None
        }
    }
}

impl<'a> Candidate<'a> {
    /// None: no rule means the packet at `hook`. `receiver` is whose socket takes it, where the packet does not know that
    /// yet: at [`HOOK_INGRESS`].
    #[inline(always)]
    pub fn new(
        skb: *mut __sk_buff,
        packet: &'a Packet,
        entry: CgroupEntry,
        hook: u32,
        receiver: u32,
        now: u64,
    ) -> Option<Self> {
        let outgoing = hook & (HOOK_EGRESS | HOOK_CGROUP_EGRESS) != 0;
        let (peer, peer_port, local_port) = if outgoing {
            (packet.dst, packet.dst_port, packet.src_port)
        } else {
            (packet.src, packet.src_port, packet.dst_port)
        };
        let (by_peer, by_port) = (entry.flags & CG_PEERS != 0, entry.flags & CG_PORTS != 0);
        // Not only for the rules: whom the program asked for may be protected.
        let asked = if outgoing { Asked::of(skb, packet) } else { Asked::SAME };
        let asked_port = if asked.elsewhere() { asked.port() } else { peer_port };
        // What one look at all the rules rules out is not asked one by one: here by address and port on the wire, and by
        // those that the program asked for.
        let (mut wire_rules, mut asked_rules) =
            (entry.rules, if asked.elsewhere() { entry.rules } else { 0 });
        if by_port {
            let local = !u32::from(unmeant(local_port).local);
            wire_rules &= local & !u32::from(unmeant(peer_port).peer);
            asked_rules &= local & !u32::from(unmeant(asked_port).peer);
        }
        let mut wire_named = PeerRules { meant: 0, left_out: 0 };
        let asked_named = asked.rules();
        if by_peer && wire_rules | asked_rules != 0 {
            wire_named = named(peer);
            let left_out = wire_named.left_out | asked_named.left_out;
            wire_rules &= wire_named.meant & !left_out;
            asked_rules &= asked_named.meant & !left_out;
        }
        if wire_rules | asked_rules == 0 {
            return None;
        }
        let dns = packet.protocol == UDP && (peer_port == DNS_PORT || asked_port == DNS_PORT);
        let queried =
            if dns && entry.flags & CG_DNS != 0 { dns::inj_asked_for(skb, packet.transport) } else { 0 };
        let here = u64::from(local_port) | u64::from(unsafe { (*skb).ifindex }) << 32;
        let ports = |port: u16| here | u64::from(port) << 16;
        let masks = |named: PeerRules, other: u16| {
            u64::from(named.meant) << 32 | u64::from(other) << 16 | u64::from(queried & 0xffff)
        };
        let hooked = hook << 16;
        let mut rules =
            inj_match(wire_rules | hooked, packet.what, ports(peer_port), masks(wire_named, asked_port));
        if asked_rules != 0 {
            rules |= inj_match(
                asked_rules | hooked,
                packet.what,
                ports(asked_port),
                masks(asked_named, peer_port),
            );
        }
        if rules == 0 {
            return None;
        }
        let uid = if hook & HOOK_INGRESS != 0 { receiver } else { unsafe { bpf_get_socket_uid(skb) } };
        let protected = entry.flags & CG_PROTECTED != 0
            || gate::user(uid)
            || (hook & (HOOK_CGROUP_INGRESS | HOOK_CGROUP_EGRESS) != 0
                && gate::interface(unsafe { (*skb).ifindex }))
            || packet.protected(&peer)
            || (asked.elsewhere() && asked.protected());
        let protected_port = packet.protected_port() || (asked.elsewhere() && protects(asked_port));
        if !protected && !protected_port {
            gate::ends(if outgoing { &packet.src } else { &packet.dst }, local_port);
        }
        Some(Self {
            outgoing,
            now,
            wire: wire(skb),
            bytes: u64::from(unsafe { (*skb).len }),
            rules,
            flow: if entry.flags & CG_FLOWS != 0 { draw::flow(packet) } else { 0 },
            protected,
            protected_port,
            packet,
        })
    }

    /// Asks the rules, in order.
    #[inline(always)]
    pub fn ask(&self) -> Chosen {
        let shield = u64::from(self.protected) << 1 | u64::from(self.protected_port);
        let chosen = inj_ask(self.rules, self.now, self.wire << 2 | shield, self.bytes, self.flow);
        Chosen {
            lose: chosen as u32 & 0xff,
            device: (chosen >> 8) as u32 & 0xff,
            change: (chosen >> 16) as u32 & 0xff,
        }
    }
}

// Global functions, all that follow: the verifier looks at each once, by itself, and not once for every way that leads
// to it. They can take and give numbers only, five at most.

/// The rules that mean a packet, as a set by stage. `rules` holds those that are asked and the hook above them, `what`
/// protocol and segments, `ports` interface and ports, `masks` the rules that name the peer, above the peer's other port
/// and the rules that name the DNS name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_match(rules: u32, what: u32, ports: u64, masks: u64) -> u64 {
    let hook = rules >> 16;
    let mut left = rules & 0xffff;
    let mut found = 0_u64;
    for _ in 0..MAX_RULES {
        if left == 0 {
            break;
        }
        let index = left.trailing_zeros();
        left &= left - 1;
        found |= inj_means(index << 8 | hook, what, ports, masks);
    }
    found
}

/// Asks a set of rules by stage, in order: the slots of [`Chosen`], one byte each.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_ask(rules: u64, now: u64, wire: u64, bytes: u64, flow: u32) -> u64 {
    let mut chosen = Chosen { lose: NONE, device: NONE, change: NONE };
    let mut left = rules;
    for _ in 0..MAX_RULES {
        if left == 0 {
            break;
        }
        let bit = left.trailing_zeros();
        left &= left - 1;
        let index = bit & 15;
        if inj_fires(index, now, wire, bytes, flow) == 0 {
            continue;
        }
        if bit < DEVICE {
            chosen.lose = index;
            break;
        } else if bit < CHANGE {
            chosen.device = index;
            left &= u64::MAX << CHANGE;
        } else {
            chosen.change = index;
            break;
        }
    }
    u64::from(chosen.lose | chosen.device << 8 | chosen.change << 16)
}

/// Does a rule mean a packet? Its bit in a set of rules by stage if so. The arguments are those of [`inj_match`], the
/// first one holds the slot above the hook.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_means(slot_hook: u32, what: u32, ports: u64, masks: u64) -> u64 {
    let index = slot_hook >> 8;
    let Some(rule) = INJ_RULES.get(index) else { return 0 };
    let seen = Seen {
        protocol: what >> 16,
        segments: what & 0xffff,
        peer_port: (ports >> 16) as u16,
        other_port: (masks >> 16) as u16,
        local_port: ports as u16,
        interface: (ports >> 32) as u32,
    };
    let bit = 1_u32 << (index & 15);
    if rule.hook & slot_hook & 0xff == 0
        || (rule.flags & RULE_PEERS != 0 && masks >> 32 & u64::from(bit) == 0)
        || (rule.flags & RULE_DNS != 0 && rule.path_len != 0 && masks & u64::from(bit) == 0)
        || !rule.means.holds(&seen)
    {
        return 0;
    }
    u64::from(bit)
        << match rule.act {
            ACT_DEVICE => DEVICE,
            ACT_GARBLE | ACT_DUPLICATE => CHANGE,
            _ => 0,
        }
}

/// A rule that means a packet: counts it, and says whether the rule acts. The lower bits of `wire` say whether the
/// packet is protected, by its port (1) or otherwise (2).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_fires(index: u32, now: u64, wire: u64, bytes: u64, flow: u32) -> u64 {
    let Some(slot) = Slot::get(index) else { return 0 };
    let shield = wire & 3;
    let wire = wire >> 2;
    slot.matched(wire, bytes);
    // DNS is protected unless it is the fault.
    if shield & 2 != 0 || (shield & 1 != 0 && slot.rule.flags & RULE_DNS == 0) {
        unsafe { atomic::add(&raw mut (*slot.stats).passed_protected, 1) };
        return 0;
    }
    slot.fires(now, wire, bytes, flow, &PACKET_METERS)
}

/// What a rule does; loss if there is no such rule, which cannot be.
#[inline(always)]
pub fn act(index: u32) -> u32 {
    match INJ_RULES.get(index) {
        Some(rule) => rule.act,
        None => ACT_DROP,
    }
}
