//! From what was found to words.

use crate::spec::{Connections, Direction, FaultKind, FaultSpec, Match, Protocol};

/// What was found of a fault that matches nothing.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its direction.
    direction: Direction,
    /// The kind of packets that it waits for.
    waits: Waits,
    /// Whom it means, in words; empty for everybody.
    whom: String,
    /// The only protocol that it means.
    pub protocol: Option<Protocol>,
    /// Packets that it matched and that are protected.
    pub protected: u64,
    /// Processes of the target.
    pub processes: usize,
    /// None of its peers' names has an address.
    pub nobody: bool,
    /// Its interfaces, if none is up.
    pub down: Vec<String>,
    /// Connections of which it means one address of two, behind NAT.
    pub rewritten: usize,
    /// Of connections that it names and does not mean, behind NAT.
    pub astray: Option<String>,
    /// Sockets of the target, of that protocol.
    pub sockets: usize,
    /// Of these, such that it can mean.
    pub meant: usize,
    /// Sockets that it could mean and that the target's processes hold, but another cgroup's.
    pub elsewhere: usize,
    /// Why the sockets could not be listed.
    pub unlisted: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// Packets of sockets.
    Sockets,
    /// New connections.
    Connections,
    /// Questions for names.
    Questions,
    /// ICMP, which has no sockets that could be listed.
    Icmp,
}

impl Found {
    /// Nothing yet.
    pub fn new(spec: &FaultSpec) -> Self {
        let matching = &spec.matching;
        let begins = matching.connections == Some(Connections::New);
        let waits = match spec.fault {
            FaultKind::Dns { .. } => Waits::Questions,
            FaultKind::Blackhole { .. } | FaultKind::Refuse { .. } => Waits::Connections,
            _ if begins => Waits::Connections,
            _ if matching.protocol == Some(Protocol::Icmp) => Waits::Icmp,
            _ => Waits::Sockets,
        };
        let tcp = spec.fault.is_tcp() || matching.connections.is_some();
        Self {
            direction: spec.fault.direction(),
            waits,
            whom: whom(matching),
            protocol: if tcp { Some(Protocol::Tcp) } else { matching.protocol },
            protected: 0,
            processes: 0,
            nobody: false,
            down: Vec::new(),
            rewritten: 0,
            astray: None,
            sockets: 0,
            meant: 0,
            elsewhere: 0,
            unlisted: None,
        }
    }
}

/// The first reason that is enough, from the coarsest on.
pub(super) fn why(found: &Found) -> String {
    if found.protected > 0 {
        return format!(
            "all {} packets that matched are protected, by port, address or owner (injector limits show)",
            found.protected
        );
    }
    if found.processes == 0 {
        return "no process is in the target".to_owned();
    }
    if found.nobody {
        return format!("no address is known of{}", found.whom);
    }
    match found.down.as_slice() {
        [] => {}
        [one] => return format!("the interface {one} is down or gone"),
        several => return format!("none of its interfaces is up: {}", several.join(", ")),
    }
    if let Some(astray) = &found.astray {
        return astray.clone();
    }
    if let Some(why) = &found.unlisted {
        return format!("{} (its sockets can't be listed: {why})", silent(found));
    }
    if found.waits == Waits::Sockets && found.meant == 0 { no_socket(found) } else { silent(found) }
}

/// The target has no socket that the fault could mean.
fn no_socket(found: &Found) -> String {
    let what = found.protocol.map_or_else(String::new, |protocol| format!("{protocol} "));
    match (found.elsewhere, found.sockets) {
        (0, 0) => format!("the target has no {what}socket"),
        (0, all) if found.whom.is_empty() => format!("none of the target's {all} {what}sockets is meant"),
        (0, all) => format!("no {what}socket of the target, of {all}, has{}", found.whom),
        (1, _) => "1 socket that it could mean belongs to another cgroup (made before its process came here, inherited, \
                   or passed on)"
            .to_owned(),
        (several, _) => format!(
            "{several} sockets that it could mean belong to another cgroup (made before their processes came here, \
             inherited, or passed on)"
        ),
    }
}

/// All is there, and no packet came.
fn silent(found: &Found) -> String {
    let did = match found.direction {
        Direction::Egress => "sent",
        Direction::Ingress => "received",
        Direction::Both => "sent or received",
    };
    match found.waits {
        Waits::Sockets => format!("the target has {did} nothing that matches"),
        Waits::Icmp => format!("the target has {did} no ICMP that matches"),
        Waits::Questions => "the target has asked for no name that matches".to_owned(),
        Waits::Connections if found.meant > 0 => {
            "no connection that matches was begun, and open ones are not meant".to_owned()
        }
        Waits::Connections => "no connection that matches was begun".to_owned(),
    }
}

/// ` the peer 10.0.0.1:80 and the local port 99`; empty if that is not restricted.
fn whom(matching: &Match) -> String {
    let peers: Vec<String> = matching.peer.iter().map(ToString::to_string).collect();
    let mut parts = Vec::new();
    if !peers.is_empty() {
        parts.push(format!(" the peer {}", peers.join(" or ")));
    }
    parts.extend(matching.local_port.map(|ports| format!(" the local port {ports}")));
    parts.join(" and")
}
