//! What becomes of a target's connections that NAT rewrites, under a fault that names one of their two addresses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
};

use injector_ebpf::{
    means::SEGMENT_FIRST,
    rule::{HOOK_CGROUP_EGRESS, HOOK_CGROUP_INGRESS, HOOK_EGRESS, HOOK_INGRESS},
};

use super::Wire;
use crate::{
    kernel::net::{Proto, Rewritten, SockInfo},
    plan::{Addresses, Plan},
    spec::Protocol,
};

/// Where a packet on its way out carries where it goes: behind the namespace's NAT. At the cgroup on the way in the NAT
/// has been undone, and the packet carries whom the program asked for.
pub(super) const ON_THE_WIRE: u32 = HOOK_EGRESS | HOOK_CGROUP_EGRESS;

/// The hooks at which it matters: connections that others begin are no matter of the target's DNAT.
pub(super) fn hooks(plan: &Plan) -> u32 {
    let rule = plan.rule();
    if rule.means.segments & SEGMENT_FIRST == 0 { rule.hook } else { rule.hook & ON_THE_WIRE }
}

/// A connection of the target.
struct Connection {
    protocol: Protocol,
    local: u16,
    asked: SocketAddr,
    wire: SocketAddr,
}

/// What the fault means of a rewritten connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// Both addresses, with the other one added to its peers.
    Meant,
    /// Neither, with the other one added to its exceptions.
    Spared,
    /// Only one: the port has been changed, too.
    Port,
    /// Only one: by the other address, connections would be meant that nobody named.
    Shared,
}

/// Both ends of connections that have one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub asked: SocketAddr,
    pub wire: SocketAddr,
    /// The fault names whom was asked for, and packets on their way out carry the other one; or the other way round.
    pub out: bool,
    pub fate: Fate,
}

impl Pair {
    /// The address that the fault names.
    pub fn known(&self) -> IpAddr {
        if self.out { self.asked.ip() } else { self.wire.ip() }
    }

    /// The one that packets carry.
    pub fn other(&self) -> IpAddr {
        if self.out { self.wire.ip() } else { self.asked.ip() }
    }
}

/// What one look found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// With how many connections there are.
    pub pairs: BTreeMap<Pair, usize>,
    /// Addresses that others of the target's connections have.
    pub strangers: BTreeSet<IpAddr>,
    /// What was asked for and named, and the packets go elsewhere and are not meant there.
    pub astray: BTreeSet<(SocketAddr, SocketAddr)>,
    /// Named connections whose packets on the way in can't be told to be the target's.
    pub inward: usize,
}

/// The fault, as far as it matters here.
pub(super) struct View<'a> {
    pub plan: &'a Plan,
    /// Whom it names, without what NAT makes of them.
    pub base: &'a Addresses,
    /// What has been found before.
    pub wire: &'a Wire,
}

impl View<'_> {
    /// `all` is the table of NAT, `sockets` are the target's.
    pub fn look(&self, all: &[Rewritten], sockets: &[&SockInfo]) -> Look {
        let connections = connections(all, sockets);
        let mut look = Look::default();
        for one in connections.iter().filter(|one| !self.named(one, one.asked) && !self.named(one, one.wire))
        {
            let ends = [one.asked, one.wire].into_iter().filter(|end| self.ports(one, *end));
            look.strangers.extend(ends.map(|end| end.ip()));
        }
        for one in connections.iter().filter(|one| one.asked != one.wire) {
            if let Some(pair) = self.pair(one, &look.strangers) {
                *look.pairs.entry(pair).or_default() += 1;
            }
        }
        let pairs: BTreeSet<Pair> = look.pairs.keys().copied().collect();
        let mut wire = self.wire.with(&pairs);
        wire.share(&look.strangers);
        let meant = wire.add_to(self.base.clone());
        let hook = hooks(self.plan);
        for one in connections.iter().filter(|one| one.asked != one.wire && self.named(one, one.asked)) {
            let out = hook & ON_THE_WIRE != 0 && meant.mean(one.wire.ip()) && self.ports(one, one.wire);
            if !out && hook & HOOK_CGROUP_INGRESS == 0 {
                look.astray.insert((one.asked, one.wire));
            }
        }
        if hook & HOOK_INGRESS != 0 {
            let named = |one: &&Connection| self.named(one, one.asked) || self.named(one, one.wire);
            look.inward = connections.iter().filter(|one| one.asked != one.wire).filter(named).count();
        }
        look
    }

    fn ports(&self, one: &Connection, end: SocketAddr) -> bool {
        self.plan.means_ports(one.protocol, one.local, end.port())
    }

    fn named(&self, one: &Connection, end: SocketAddr) -> bool {
        self.base.mean(end.ip()) && self.ports(one, end)
    }

    /// None: both addresses are meant, neither is, or packets carry only the one that is.
    fn pair(&self, one: &Connection, strangers: &BTreeSet<IpAddr>) -> Option<Pair> {
        let hook = hooks(self.plan);
        for (known, other, out) in [(one.asked, one.wire, true), (one.wire, one.asked, false)] {
            if hook & if out { ON_THE_WIRE } else { HOOK_CGROUP_INGRESS } == 0 {
                continue;
            }
            let pair = |fate| Some(Pair { asked: one.asked, wire: one.wire, out, fate });
            if self.base.excepts(known.ip()) {
                return if self.named(one, other) { pair(Fate::Spared) } else { None };
            }
            if !self.named(one, known) || self.named(one, other) || self.base.excepts(other.ip()) {
                continue;
            }
            let fate = if !self.ports(one, other) {
                Fate::Port
            } else if self.wire.is_shared(other.ip()) || strangers.contains(&other.ip()) {
                Fate::Shared
            } else {
                Fate::Meant
            };
            return pair(fate);
        }
        None
    }
}

fn connections(all: &[Rewritten], sockets: &[&SockInfo]) -> Vec<Connection> {
    let mut by_ends = HashMap::new();
    let mut udp: BTreeMap<u16, Vec<&Rewritten>> = BTreeMap::new();
    for one in all {
        by_ends.insert((one.proto, one.source, one.asked), one.wire);
        if one.proto == Proto::Udp {
            udp.entry(one.source.port()).or_default().push(one);
        }
    }
    let mut found = Vec::new();
    for socket in sockets {
        let (protocol, local) = (socket.proto.into(), socket.local.port());
        if socket.remote.port() != 0 {
            let wire = by_ends.get(&(socket.proto, socket.local, socket.remote)).copied();
            let asked = socket.remote;
            found.push(Connection { protocol, local, asked, wire: wire.unwrap_or(asked) });
            continue;
        }
        // Not connected: whom it sends to is only in the table.
        let own = |one: &&&Rewritten| socket.local.ip().is_unspecified() || socket.local == one.source;
        for one in udp.get(&local).into_iter().flatten().filter(own) {
            found.push(Connection { protocol, local, asked: one.asked, wire: one.wire });
        }
    }
    found
}
