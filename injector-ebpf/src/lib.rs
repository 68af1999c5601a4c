//! The border between the kernel programs and the daemon: every type and constant that both sides read.
//!
//! Each file holds one concept. Types are `repr(C)` without implicit padding, their sizes are asserted at
//! compile time, and [`ABI_VERSION`] changes whenever one of them does, so that a tool of another version
//! refuses a map instead of guessing.
#![no_std]

pub mod call_means;
pub mod dep;
pub mod draw;
pub mod event;
pub mod flow;
pub mod gate;
pub mod hist;
pub mod lag;
pub mod means;
pub mod meter;
pub mod names;
pub mod reaction;
pub mod rtt;
pub mod rule;
pub mod slot;
pub mod tag;

/// Version of everything in this crate; part of every gate map, checked before a foreign map is written.
pub const ABI_VERSION: u32 = 7;

/// Size and alignment are part of the ABI: a change must be seen at build time, not by the verifier.
macro_rules! layout {
    ($($t:ty = $size:expr),+ $(,)?) => { $(
        const _: () = assert!(core::mem::size_of::<$t>() == $size && core::mem::align_of::<$t>() == 8);
        #[cfg(feature = "user")]
        // SAFETY: `repr(C)`, no padding (asserted by the size above), every bit pattern is valid.
        unsafe impl aya::Pod for $t {}
    )+ };
}
pub(crate) use layout;
