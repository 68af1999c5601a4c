//! All gate maps of this host, whoever made them: a halt needs no daemon.

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData, loaded_maps};
use injector_ebpf::{
    ABI_VERSION,
    gate::{GATE_MAGIC, Halt},
    names,
};

/// A gate map that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The instance that made it.
    pub instance: u32,
    /// Whether it was halted already.
    pub was_halted: bool,
}

/// Writes the halt word of every gate map of this host. Root only.
///
/// A map of another ABI version is halted as well: the halt word's place is the one thing that never changes.
///
/// # Errors
/// The kernel's maps cannot be listed, or a gate map cannot be written.
pub fn halt_all() -> Result<Vec<Gate>> {
    let mut found = Vec::new();
    for info in loaded_maps() {
        // A map may vanish while we walk.
        let Ok(info) = info else { continue };
        if info.name_as_str() != Some(names::HALT) {
            continue;
        }
        let Ok(data) = MapData::from_id(info.id()) else { continue };
        let Ok(map) = Map::from_map_data(data) else { continue };
        let Ok(mut gate) = Array::<_, Halt>::try_from(map) else { continue };
        let mut value = gate.get(&0, 0)?;
        if value.magic != GATE_MAGIC || value.abi > ABI_VERSION {
            continue;
        }
        found.push(Gate { instance: value.instance, was_halted: value.word != 0 });
        value.word = 1;
        gate.set(0, value, 0).with_context(|| format!("halting instance {:08x}", value.instance))?;
    }
    Ok(found)
}
