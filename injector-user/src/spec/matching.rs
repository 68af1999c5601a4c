//! Which packets a fault of the network means.

use super::{Connections, Host, InterfaceName, Peer, Ports, Protocol, list};
use crate::error::Error;
use serde::Serialize;

/// Which packets; the same keys for every fault of the network. A packet must fit all that is given. In JSON the keys
/// stand beside those of the fault.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Match {
    /// To or from one of these; none is everybody. All have the same ports.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "list::serialize")]
    pub peer: Vec<Peer>,
    /// But not to or from these. Those with ports all have the same.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "list::serialize")]
    pub except: Vec<Peer>,
    /// The target's own ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_port: Option<Ports>,
    /// The protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Packets that begin a TCP connection, or all others of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,
    /// Through this interface of the target's network namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceName>,
}

impl Match {
    /// The ports of all peers.
    pub fn peer_ports(&self) -> Option<Ports> {
        self.peer.first().and_then(|peer| peer.ports)
    }

    /// The ports that are excepted.
    pub fn except_ports(&self) -> Option<Ports> {
        self.except.iter().find_map(|peer| peer.ports)
    }

    /// The first key that is given; `None` if all packets are meant.
    pub(super) fn first_key(&self) -> Option<&'static str> {
        let keys = [
            ("peer", !self.peer.is_empty()),
            ("except", !self.except.is_empty()),
            ("local_port", self.local_port.is_some()),
            ("protocol", self.protocol.is_some()),
            ("connections", self.connections.is_some()),
            ("interface", self.interface.is_some()),
        ];
        keys.into_iter().find(|(_, given)| *given).map(|(key, _)| key)
    }

    /// Checks what only makes sense together.
    pub(super) fn validate(&self) -> Result<(), Error> {
        if let Some(peer) = self.peer.iter().chain(&self.except).find(|peer| is_all(peer)) {
            return Err(Error::usage(format!("the peer `{peer}` is everybody")).hint("leave it out"));
        }
        if let Some((one, other)) = differ(self.peer.iter().map(|peer| peer.ports)) {
            return Err(Error::usage(format!("the peers have {one} and {other}"))
                .hint("give all of them the same ports, or start two faults"));
        }
        if let Some((one, other)) = differ(self.except.iter().map(|peer| peer.ports).filter(Option::is_some))
        {
            return Err(Error::usage(format!("what is excepted has {one} and {other}"))
                .hint("one range of ports can be excepted, such as :9000-9100"));
        }
        self.validate_protocol()
    }

    fn validate_protocol(&self) -> Result<(), Error> {
        let Some(protocol) = self.protocol else { return Ok(()) };
        if let Some(connections) = self.connections.filter(|_| protocol != Protocol::Tcp) {
            return Err(Error::usage(format!("{protocol} has no {connections} connections"))
                .hint("only TCP has: write the protocol tcp or leave it out"));
        }
        let ports = self.peer_ports().or(self.except_ports()).or(self.local_port);
        if let Some(ports) = ports.filter(|_| protocol == Protocol::Icmp) {
            return Err(Error::usage(format!("icmp has no ports, and {ports} was given"))
                .hint("leave out the ports or the protocol"));
        }
        Ok(())
    }
}

fn is_all(peer: &Peer) -> bool {
    peer.host == Host::Any && peer.ports.is_none()
}

/// The first two ports that are not the same, in words.
fn differ(mut ports: impl Iterator<Item = Option<Ports>>) -> Option<(String, String)> {
    let words = |ports: Option<Ports>| match ports {
        None => "all ports".to_owned(),
        Some(ports) => match ports.single() {
            Some(port) => format!("port {port}"),
            None => format!("ports {ports}"),
        },
    };
    let first = ports.next()?;
    ports.find(|other| *other != first).map(|other| (words(first), words(other)))
}
