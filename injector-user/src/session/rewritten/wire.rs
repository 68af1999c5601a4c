//! What NAT makes of a live fault's peers: found out by looking, and kept for as long as the fault lives.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use ipnet::IpNet;

use super::look::{Fate, Pair};
use crate::plan::Addresses;

/// The most addresses that are added to one fault, and the most pairs that are told of.
const MOST: usize = 64;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// An address that the fault names, and one that is meant with it.
    peers: BTreeSet<(IpAddr, IpAddr)>,
    /// The same for what it leaves out.
    except: BTreeSet<(IpAddr, IpAddr)>,
    /// Where connections went that nobody named: never meant again.
    shared: BTreeSet<IpAddr>,
    /// What was said already.
    told: BTreeSet<Pair>,
    /// Connections that are named and not meant, since their packets carry the second address: at the last look.
    pub(in crate::session) astray: Vec<(SocketAddr, SocketAddr)>,
    /// When it is looked at again.
    pub(super) next: Option<Instant>,
}

impl Wire {
    /// By this address others are reached, too; a proxy on the loopback interface is everybody's.
    pub(super) fn is_shared(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.shared.contains(&address)
    }

    /// With what one look found.
    pub(super) fn with(&self, pairs: &BTreeSet<Pair>) -> Self {
        let mut wire = self.clone();
        for pair in pairs {
            let set = match pair.fate {
                Fate::Meant => &mut wire.peers,
                Fate::Spared => &mut wire.except,
                Fate::Port | Fate::Shared => continue,
            };
            if set.len() < MOST {
                set.insert((pair.known(), pair.other()));
            }
        }
        wire
    }

    /// What is shared from now on: of what was added, what connections have that nobody named.
    pub(super) fn share(&mut self, strangers: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
        let added = self.peers.iter().map(|(_, other)| *other);
        let shared: BTreeSet<IpAddr> = added.filter(|other| strangers.contains(other)).collect();
        self.peers.retain(|(_, other)| !shared.contains(other));
        let shared: Vec<IpAddr> = shared.into_iter().collect();
        self.shared.extend(&shared);
        shared
    }

    /// Whether a pair has not been told of yet; from now on it has.
    pub(super) fn is_news(&mut self, pair: Pair) -> bool {
        self.told.len() < MOST && self.told.insert(pair)
    }

    /// What the kernel must know: whom the fault names, and what NAT makes of them. Nothing is added where everybody or
    /// nobody is named, and nothing of what no longer is.
    pub fn add_to(&self, base: Addresses) -> Addresses {
        let mut all = base.clone();
        if !base.peers.is_empty() {
            let known = self.peers.iter().filter(|(known, _)| base.mean(*known));
            all.peers.extend(known.map(|(_, other)| IpNet::from(*other)));
        }
        let known = self.except.iter().filter(|(known, _)| base.excepts(*known));
        all.except.extend(known.map(|(_, other)| IpNet::from(*other)));
        for nets in [&mut all.peers, &mut all.except] {
            nets.sort();
            nets.dedup();
        }
        all
    }
}
