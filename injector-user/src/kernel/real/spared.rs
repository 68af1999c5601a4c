//! What is protected and was told to the programs: ports, and interfaces where nothing hangs on an interface, since a cgroup's
//! hooks see what comes by all of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use injector_ebpf::names;

use crate::kernel::object::Object;

/// Protected ports; names of protected interfaces, and the indexes that they have in the namespaces that are known.
#[derive(Debug, Default)]
pub struct Spared {
    /// 64 ports to a word, the lowest bit is the lowest port. A word that is not here is 0.
    ports: BTreeMap<u32, u64>,
    names: BTreeSet<String>,
    by_netns: BTreeMap<u64, BTreeSet<u32>>,
    told: BTreeSet<u32>,
}

impl Spared {
    /// These ports are protected, and no others. Only what has changed is written: this is asked twice a second.
    ///
    /// # Errors
    /// The kernel refused a write.
    pub fn ports<'a>(&mut self, object: &mut Object, ports: impl Iterator<Item = &'a u16>) -> Result<()> {
        let mut words = BTreeMap::<u32, u64>::new();
        for port in ports {
            *words.entry(u32::from(*port) / 64).or_default() |= 1 << (port % 64);
        }
        if words == self.ports {
            return Ok(());
        }
        let mut map = object.array::<u64>(names::PORTS)?;
        for index in self.ports.keys().filter(|index| !words.contains_key(index)) {
            map.set(*index, 0, 0)?;
        }
        for (index, word) in &words {
            map.set(*index, word, 0)?;
        }
        self.ports = words;
        Ok(())
    }

    /// These are protected from the next look on, besides those that are: protections are widened only.
    pub fn protect<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        self.names.extend(names.cloned());
    }

    /// These are all interfaces of namespace `netns` now, up or not.
    ///
    /// # Errors
    /// The kernel has no room for the index of a protected one.
    pub fn look<'a>(
        &mut self,
        object: &mut Object,
        netns: u64,
        links: impl Iterator<Item = (u32, &'a str)>,
    ) -> Result<()> {
        let protected = links.filter(|(_, name)| self.names.contains(*name)).map(|(index, _)| index);
        self.by_netns.insert(netns, protected.collect());
        let all: BTreeSet<u32> = self.by_netns.values().flatten().copied().collect();
        if all == self.told {
            return Ok(());
        }
        let mut map = object.hash::<u32, u8>(names::INTERFACES)?;
        for index in all.difference(&self.told) {
            map.insert(index, 1, 0).with_context(|| format!("protecting interface {index}"))?;
        }
        for index in self.told.difference(&all) {
            let _gone = map.remove(index);
        }
        self.told = all;
        Ok(())
    }

    /// Those namespaces are gone.
    pub fn forget(&mut self, gone: impl Fn(u64) -> bool) {
        self.by_netns.retain(|netns, _| !gone(*netns));
    }
}
