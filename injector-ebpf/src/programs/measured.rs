//! What a call costs at its entry, measured: neither kprobes nor fmod_ret programs can be run for a test. A raw tracepoint's
//! program can, but only once for each request, so it goes through the entry a thousand times.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use injector_ebpf::names::MEASURED_ROUNDS;

use super::call;

// Global functions, so that the verifier does not look at each round's way through them.

/// The entry of a call of whoever asks for the test. Whom no rule means does not get to where the registers are read.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_measured_entry() -> u32 {
    u32::from(call::entry(0).is_some())
}

/// Nothing, and the compiler must not know it.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_measured_nothing() -> u32 {
    let nothing = 0;
    unsafe { core::ptr::read_volatile(&raw const nothing) }
}

#[raw_tracepoint]
pub fn inj_measured(_ctx: RawTracePointContext) -> i32 {
    let mut failed = 0;
    for _ in 0..MEASURED_ROUNDS {
        failed += inj_measured_entry();
    }
    failed as i32
}

#[raw_tracepoint]
pub fn inj_measured_0(_ctx: RawTracePointContext) -> i32 {
    let mut sum = 0;
    for _ in 0..MEASURED_ROUNDS {
        sum += inj_measured_nothing();
    }
    sum as i32
}
