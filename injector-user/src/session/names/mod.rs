//! Host names as peers: what they mean now, and faults that follow when they mean something else.
//!
//! The API looks the names of a request up before that reaches the engine, and what was found stays with the request and
//! with the fault that it becomes. A thread looks those of live faults, and of requests that wait, up again: only what it
//! finds changes what is there. The engine only ever takes what was found.

mod known;
mod look_up;
mod peers;
mod resolver;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use tracing::info;

use super::engine::Engine;
use crate::plan;

pub use known::Names;
pub use look_up::{Found, look_up, look_up_all, named};
pub use peers::PeerNames;

use resolver::Answer;

impl Engine {
    /// Every tick: takes what the thread has found, and has it look again when it is time.
    pub(super) fn watch_names(&mut self) {
        self.peer_names.tick();
        let live = self.faults.iter().filter(|fault| fault.lives());
        let mut wanted: BTreeSet<String> = live.flat_map(|fault| fault.named.keys().cloned()).collect();
        wanted.extend(self.pending.names().cloned());
        if let Some(answer) = self.names.look(wanted) {
            self.names_answered(answer);
        }
    }

    /// The names of addresses: those that the configuration gives for peers, and those that live faults have as peers.
    pub(super) fn names_of_peers(&self) -> BTreeMap<IpAddr, BTreeSet<String>> {
        let live = self.faults.iter().filter(|fault| fault.lives());
        self.peer_names.by_address(live.map(|fault| &fault.named))
    }

    fn names_answered(&mut self, answer: Answer) {
        let mut all = Found::new();
        for (name, found) in answer {
            match found {
                Ok(addresses) => {
                    if self.names.resolves(&name) {
                        info!("{name} resolves again");
                    }
                    all.insert(name, addresses);
                }
                Err(why) => self.name_is_silent(&name, &why),
            }
        }
        self.pending.follow_names(&all);
        self.follow_names(&all);
    }

    /// Said once, until it resolves again.
    fn name_is_silent(&mut self, name: &str, why: &str) {
        if !self.names.is_silent(name) {
            return;
        }
        for fault in self.faults.iter_mut().filter(|fault| fault.lives()) {
            if let Some(last) = fault.named.get(name) {
                let last = list(last);
                fault.note(format!("{name} no longer resolves ({why}): it stays {last}"));
            }
        }
    }

    /// Gives every live fault the addresses that its names have now.
    fn follow_names(&mut self, found: &Found) {
        for fault in self.faults.iter_mut().filter(|fault| fault.lives()) {
            let was = fault.named.clone();
            let mut is = was.clone();
            update(&mut is, found);
            if is == was {
                continue;
            }
            let changed: Vec<String> = is
                .iter()
                .filter(|(name, now)| was.get(*name) != Some(*now))
                .map(|(name, now)| {
                    let before = was.get(name).map(|before| list(before)).unwrap_or_default();
                    format!("{name} was {before}, is {}", list(now))
                })
                .collect();
            let changed = changed.join("; ");
            let Ok(found) = plan::addresses(&fault.plan.spec().matching, &is) else { continue };
            let addresses = plan::Addresses { name: fault.plan.addresses().name.clone(), ..found };
            match self.kernel.set_addresses(fault.slot, &addresses) {
                Ok(()) => {
                    fault.plan.readdressed(addresses);
                    fault.named = is;
                    fault.note(changed);
                }
                Err(error) => fault.note(format!("{changed}, and the kernel cannot be told: {error:#}")),
            }
        }
    }
}

/// What is known of some names, brought up to date.
pub(super) fn update(known: &mut Found, found: &Found) {
    for (name, addresses) in known {
        if let Some(found) = found.get(name) {
            addresses.clone_from(found);
        }
    }
}

/// `10.0.0.1, 10.0.0.2`
pub(super) fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
