//! Tells the programs where the arguments of each call are.

use anyhow::Result;
use injector_ebpf::{
    call_means::{ARGUMENTS, CallShape},
    names,
    rule::CALLS,
};
use syscalls::Sysno;

use super::object::Object;
use crate::spec::arguments;

/// Writes it for every call of this architecture whose arguments can be told apart.
///
/// # Errors
/// The kernel refused a write.
pub fn write(object: &mut Object) -> Result<()> {
    let mut shapes = object.array::<CallShape>(names::CALL_SHAPES)?;
    for call in Sysno::iter().filter(|call| (call.id() as usize) < CALLS) {
        let shape = shape(call.name());
        if shape != 0 {
            shapes.set(call.id() as u32, shape, 0)?;
        }
    }
    Ok(())
}

fn shape(call: &str) -> CallShape {
    let paths = arguments(call).paths.iter().filter(|path| (**path as usize) < ARGUMENTS);
    paths.fold(0, |shape, path| shape | 1 << path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_bits() {
        assert_eq!(shape("openat"), 0b10);
        assert_eq!(shape("renameat2"), 0b1010);
        assert_eq!(shape("fsync"), 0);
    }
}
