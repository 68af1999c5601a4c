//! Tells the programs where the arguments of each call are.

use anyhow::Result;
use injector_ebpf::{
    call_means::{ARGUMENTS, CallShape, SHAPE_ADDRESS, SHAPE_FD, SHAPE_MESSAGE, SHAPE_MIXED},
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
    let of = arguments(call);
    let paths = of.paths.iter().filter(|path| (**path as usize) < ARGUMENTS);
    let paths = paths.fold(0, |shape, path| shape | 1 << path);
    let places = [(of.fd, SHAPE_FD), (of.address, SHAPE_ADDRESS), (of.message, SHAPE_MESSAGE)];
    let mixed = if of.fd.is_some() && !of.never_socket { SHAPE_MIXED } else { 0 };
    places
        .iter()
        .fold(paths | mixed, |shape, (place, shift)| shape | place.map_or(0, |place| place + 1) << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_bits_and_the_others_numbers() {
        assert_eq!(shape("openat"), 0b10);
        assert_eq!(shape("renameat2"), 0b1010);
        assert_eq!(shape("getrandom"), 0);
        assert_eq!(shape("fsync"), 1 << SHAPE_FD);
        assert_eq!(shape("sendto"), SHAPE_MIXED | 1 << SHAPE_FD | 5 << SHAPE_ADDRESS);
        assert_eq!(shape("sendmsg"), SHAPE_MIXED | 1 << SHAPE_FD | 2 << SHAPE_MESSAGE);
    }
}
