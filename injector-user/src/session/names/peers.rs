//! The names that the node's owner gave for peers (`peer_names`): which addresses they have, so that dependencies are shown
//! with them. Apart from the names of faults, which never wait for one of these.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use tracing::{info, warn};

use super::{
    Found, look_up,
    resolver::{LookUp, Resolver},
};
use crate::spec::HostName;

/// How often they are looked up again.
const EVERY: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct PeerNames {
    names: Vec<String>,
    known: Found,
    /// Those that do not resolve: that was said.
    silent: BTreeSet<String>,
    resolver: Option<Resolver>,
    look_up: LookUp,
    next: Instant,
}

impl PeerNames {
    /// They are looked up at the first tick.
    pub fn new(names: &[HostName]) -> Self {
        Self {
            names: names.iter().map(ToString::to_string).collect(),
            known: Found::new(),
            silent: BTreeSet::new(),
            resolver: None,
            look_up,
            next: Instant::now(),
        }
    }

    /// Takes what was found, and asks again if it is time to. A name that no longer resolves keeps what it had.
    pub(in crate::session) fn tick(&mut self) {
        if self.names.is_empty() {
            return;
        }
        for (name, found) in self.resolver.as_mut().and_then(Resolver::answer).into_iter().flatten() {
            match found {
                Ok(addresses) => {
                    if self.silent.remove(&name) {
                        info!("{name} (peer_names) resolves again");
                    }
                    self.known.insert(name, addresses);
                }
                Err(why) => {
                    if self.silent.insert(name.clone()) {
                        warn!("{name} (peer_names) does not resolve: {why}");
                    }
                }
            }
        }
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + EVERY;
        if self.resolver.is_none() {
            match Resolver::spawn(self.look_up) {
                Ok(resolver) => self.resolver = Some(resolver),
                Err(error) => warn!("peer_names are not looked up: {error}"),
            }
        }
        if let Some(resolver) = &mut self.resolver {
            resolver.ask(self.names.clone());
        }
    }

    /// All names of each address: these, and those of `others`.
    pub(in crate::session) fn by_address<'a>(
        &'a self,
        others: impl Iterator<Item = &'a Found>,
    ) -> BTreeMap<IpAddr, BTreeSet<String>> {
        let mut all: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
        for (name, addresses) in others.chain([&self.known]).flatten() {
            for address in addresses {
                all.entry(*address).or_default().insert(name.clone());
            }
        }
        all
    }

    #[cfg(test)]
    pub(in crate::session) fn look_up_by(&mut self, look_up: LookUp) {
        (self.look_up, self.resolver, self.next) = (look_up, None, Instant::now());
    }

    #[cfg(test)]
    pub(in crate::session) fn is_asking(&self) -> bool {
        self.resolver.as_ref().is_some_and(Resolver::is_busy)
    }
}
