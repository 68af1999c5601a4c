//! Who is meant, and who is left alone: cgroups, and what is protected.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use aya::maps::MapError;
use injector_ebpf::{names, rule::CgroupEntry};

use super::Real;
use crate::{limits::Protection, plan};

impl Real {
    /// Only these cgroups are meant, by these rules.
    ///
    /// # Errors
    /// The kernel has no room for one.
    pub(super) fn mean(&mut self, entries: &BTreeMap<u64, CgroupEntry>) -> Result<()> {
        let mut map = self.object.hash::<u64, CgroupEntry>(names::CGROUPS)?;
        let stale: Vec<u64> = map.keys().flatten().filter(|id| !entries.contains_key(id)).collect();
        for id in stale {
            match map.remove(&id) {
                Ok(()) | Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut said = BTreeMap::new();
        for (id, entry) in entries {
            let entry = self.rules.complete(*entry);
            map.insert(id, entry, 0).with_context(|| format!("cgroup {id} ({} are known)", entries.len()))?;
            said.insert(*id, entry);
        }
        if said != self.said.0 {
            // Sockets keep a copy of what is said of theirs: they look again. After the entries, not before.
            self.said = (said, self.said.1 + 1);
            self.object.array::<u64>(names::GENERATION)?.set(0, self.said.1, 0)?;
        }
        Ok(())
    }

    /// These are left alone by every rule.
    ///
    /// # Errors
    /// The kernel has no room for one.
    pub(super) fn spare(&mut self, protection: &Protection) -> Result<()> {
        self.spared.ports(&mut self.object, protection.ports.keys())?;
        // Protections are widened only: an address that was protected stays so while the daemon lives.
        for address in protection.addresses.keys() {
            let (address, prefix) = plan::words(address);
            self.object.protect_address(address, prefix)?;
        }
        let mut tasks = self.object.hash::<u32, u8>(names::TASKS)?;
        let stale: Vec<u32> =
            tasks.keys().flatten().filter(|id| !protection.tgids.contains_key(id)).collect();
        for id in stale {
            let _gone = tasks.remove(&id);
        }
        for tgid in protection.tgids.keys() {
            tasks.insert(tgid, 1, 0)?;
        }
        // Widened only, as addresses are.
        let mut users = self.object.hash::<u32, u8>(names::USERS)?;
        for uid in protection.users.keys() {
            users.insert(uid, 1, 0)?;
        }
        self.spared.protect(protection.interfaces.keys());
        Ok(())
    }
}
