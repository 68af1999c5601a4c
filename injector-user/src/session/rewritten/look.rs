//! What becomes of a target's connections that NAT rewrites, under a fault that names one of their two addresses.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

use injector_ebpf::{
    means::SEGMENT_FIRST,
    rule::{HOOK_CGROUP_EGRESS, HOOK_CGROUP_INGRESS, HOOK_EGRESS, HOOK_INGRESS},
};

use crate::{
    kernel::net::{Proto, Rewritten, SockInfo},
    plan::Plan,
    spec::Protocol,
};

/// Where a packet on its way out carries where it goes: behind the namespace's NAT. The socket, if it is connected, still
/// has whom its program asked for (programs/asked.rs).
const OUT: u32 = HOOK_EGRESS | HOOK_CGROUP_EGRESS;

/// The hooks at which it matters: connections that others begin are no matter of the target's DNAT.
pub(super) fn hooks(plan: &Plan) -> u32 {
    let rule = plan.rule();
    if rule.means.segments & SEGMENT_FIRST == 0 { rule.hook } else { rule.hook & OUT }
}

/// A connection of the target that is rewritten.
struct Connection {
    protocol: Protocol,
    local: u16,
    asked: SocketAddr,
    wire: SocketAddr,
    /// Its socket knows whom it asked for.
    connected: bool,
}

/// What the fault means of a connection of which it names or leaves out one of two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// By either.
    Meant,
    /// By either.
    LeftOut,
    /// It is named by the one that packets do not tell.
    NotMeant,
    /// It is left out by the one that packets do not tell.
    NotLeftOut,
}

/// Which packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// On their way out.
    Out,
    /// On their way in, at the cgroup.
    In,
    /// On their way in at tc, of a socket that is not connected.
    InAtTc,
}

/// Both ends of connections that have one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub asked: SocketAddr,
    pub wire: SocketAddr,
    pub way: Way,
    pub fate: Fate,
}

/// What one look found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// With how many connections there are.
    pub pairs: BTreeMap<Pair, usize>,
    /// Named connections whose packets on the way in can't be told to be the target's.
    pub inward: usize,
}

/// `all` is the table of NAT, `sockets` are the target's.
pub(super) fn look(plan: &Plan, all: &[Rewritten], sockets: &[&SockInfo]) -> Look {
    let mut look = Look::default();
    let hooks = hooks(plan);
    for one in connections(all, sockets) {
        let named = |end: SocketAddr| plan.means(one.protocol, one.local, end);
        if hooks & HOOK_INGRESS != 0 && one.connected && (named(one.asked) || named(one.wire)) {
            look.inward += 1;
        }
        for (way, fate) in fates(plan, &one, hooks) {
            if let Some(fate) = fate {
                let pair = Pair { asked: one.asked, wire: one.wire, way, fate };
                *look.pairs.entry(pair).or_default() += 1;
            }
        }
    }
    look
}

fn fates(plan: &Plan, one: &Connection, hooks: u32) -> [(Way, Option<Fate>); 3] {
    let at = |hook: u32| hooks & hook != 0;
    [
        (Way::Out, if at(OUT) { out_fate(plan, one) } else { None }),
        (Way::In, if at(HOOK_CGROUP_INGRESS) { fate(plan, one, one.asked, one.wire) } else { None }),
        // A socket that is not connected is found by its own address, whoever sends.
        (
            Way::InAtTc,
            if at(HOOK_INGRESS) && !one.connected { fate(plan, one, one.wire, one.asked) } else { None },
        ),
    ]
}

fn out_fate(plan: &Plan, one: &Connection) -> Option<Fate> {
    if !one.connected {
        return fate(plan, one, one.wire, one.asked);
    }
    let ends = [one.asked, one.wire];
    let named = ends.map(|end| plan.means(one.protocol, one.local, end));
    if named[0] == named[1] {
        return None;
    }
    let left_out = ends.iter().any(|end| plan.leaves_out(*end));
    Some(if left_out { Fate::LeftOut } else { Fate::Meant })
}

/// Of packets that tell only one of the two.
fn fate(plan: &Plan, one: &Connection, told: SocketAddr, other: SocketAddr) -> Option<Fate> {
    let named = |end: SocketAddr| plan.means(one.protocol, one.local, end);
    if named(other) && !named(told) && !plan.leaves_out(told) {
        Some(Fate::NotMeant)
    } else if named(told) && plan.leaves_out(other) {
        Some(Fate::NotLeftOut)
    } else {
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
        let (protocol, local, asked) = (socket.proto.into(), socket.local.port(), socket.remote);
        if asked.port() != 0 {
            if let Some(wire) = by_ends.get(&(socket.proto, socket.local, asked)).copied() {
                found.push(Connection { protocol, local, asked, wire, connected: true });
            }
            continue;
        }
        // Not connected: whom it sends to is only in the table.
        let own = |one: &&&Rewritten| socket.local.ip().is_unspecified() || socket.local == one.source;
        for one in udp.get(&local).into_iter().flatten().filter(own) {
            found.push(Connection { protocol, local, asked: one.asked, wire: one.wire, connected: false });
        }
    }
    found
}
