//! Tells the programs which call each operation of io_uring is.

use anyhow::Result;
use injector_ebpf::names;

use super::object::Object;
use crate::plan::ring_calls;

/// Writes it for every operation that is one.
///
/// # Errors
/// The kernel refused a write.
pub fn write(object: &mut Object) -> Result<()> {
    let mut calls = object.array::<u32>(names::RING_CALLS)?;
    for (operation, call) in ring_calls() {
        calls.set(u32::from(operation), call.id() as u32 + 1, 0)?;
    }
    Ok(())
}
