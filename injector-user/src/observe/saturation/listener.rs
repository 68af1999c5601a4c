//! Listening sockets: who waits for accept(2), who has not completed the handshake, and who was turned away.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    api::types::{PlaceDoc, PlaceKind, Unit},
    kernel::net::TcpSocket,
};

#[derive(Debug, Default)]
struct Queues {
    /// Several sockets may share a port (SO_REUSEPORT).
    accept: u64,
    limit: u64,
    syn: u64,
    /// `None`: one of them does not say.
    drops: Option<u64>,
    cgroup: Option<u64>,
}

/// The listening sockets of a namespace, by address.
#[derive(Debug, Default)]
pub(super) struct Listeners(BTreeMap<SocketAddr, Queues>);

impl Listeners {
    /// A listening socket.
    pub(super) fn add(&mut self, socket: &TcpSocket) {
        let drops = socket.memory.map(|memory| u64::from(memory.drops));
        let known = self.0.contains_key(&socket.local);
        let queues = self.0.entry(socket.local).or_default();
        queues.accept += u64::from(socket.receive_queue);
        queues.limit += u64::from(socket.send_queue);
        queues.drops = if known { queues.drops.zip(drops).map(|(a, b)| a + b) } else { drops };
        queues.cgroup = queues.cgroup.or(socket.cgroup);
    }

    /// The one that a connection with this address of ours came to, if one did.
    pub(super) fn of(&self, local: SocketAddr) -> Option<SocketAddr> {
        let wild = [
            local,
            SocketAddr::from(([0, 0, 0, 0], local.port())),
            SocketAddr::from(([0_u16; 8], local.port())),
        ];
        wild.into_iter().find(|address| self.0.contains_key(address))
    }

    /// A handshake that is not over.
    pub(super) fn half_open(&mut self, local: SocketAddr) {
        if let Some(queues) = self.of(local).and_then(|address| self.0.get_mut(&address)) {
            queues.syn += 1;
        }
    }

    /// Those of known cgroups.
    pub(super) fn places<'a>(&self, netns: u64, name: impl Fn(u64) -> Option<&'a str>) -> Vec<PlaceDoc> {
        let of = |(local, queues): (&SocketAddr, &Queues)| {
            let mut place = PlaceDoc::new(PlaceKind::Listener, local.to_string());
            place.cgroup = Some(name(queues.cgroup?)?.to_owned());
            place.netns = Some(netns);
            place.gauge("accept_queue", queues.accept, Some(queues.limit), Unit::Count);
            // The kernel has one limit for both (inet_csk_reqsk_queue_is_full).
            place.gauge("syn_queue", queues.syn, Some(queues.limit), Unit::Count);
            match queues.drops {
                Some(drops) => place.overflow("listen_drops", None, drops),
                None => place.lacks("listen_drops", "this kernel does not tell the drops of a socket"),
            }
            Some(place)
        };
        self.0.iter().filter_map(of).collect()
    }
}
