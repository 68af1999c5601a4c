//! What costs are measured against, and nothing else: loaded by `cargo xtask bench` only. On the host this is an empty
//! binary, so that the workspace builds as one.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", allow(internal_features, reason = "atomics: core has none for bpf"))]
#![cfg_attr(target_arch = "bpf", feature(core_intrinsics))]

#[cfg(target_arch = "bpf")]
#[path = "programs/atomic.rs"]
#[allow(dead_code, reason = "shared with the other object")]
mod atomic;
#[cfg(target_arch = "bpf")]
mod bench_twin;

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a program in which this can be reached.
    loop {}
}

#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
