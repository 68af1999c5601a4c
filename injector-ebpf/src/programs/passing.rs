//! What passes by the entry of a call: the calls of 32-bit programs have other entries, and io_uring has none. They are
//! not failed, and are counted.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_get_attach_cookie, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use injector_ebpf::rule::HOOK_CALL;

use super::{
    call::{inj_meant, target},
    call_which::read,
    gate,
    kernel::field,
    maps::INJ_RING_CALLS,
    task::{COMPAT, IO_URING, inj_passes_by},
};

/// Offset in `struct pt_regs` of rbx, which has a 32-bit call's first argument.
const FIRST: u64 = 40;

/// Counts a call with this number that passes by as `what` ([`COMPAT`] or [`IO_URING`]).
#[inline(always)]
fn count(number: u64, what: u64) {
    let Some(entry) = target() else { return };
    if gate::open().is_none() {
        return;
    }
    let meant = inj_meant(entry.rules, HOOK_CALL, number);
    if meant != 0 {
        inj_passes_by(meant, what);
    }
}

/// fentry on the entry of a 32-bit call. Its link tells the number of the same call of 64 bits, and above it, not 0, what
/// the first argument must be (`socketcall` is many calls).
///
/// # Safety
/// The context is the kernel's: the address of the user's registers.
#[unsafe(no_mangle)]
#[unsafe(link_section = "fentry/inj_compat")]
pub unsafe extern "C" fn inj_compat(ctx: *mut c_void) -> i32 {
    let cookie = unsafe { bpf_get_attach_cookie(ctx) };
    let (number, first) = (cookie & 0xffff_ffff, cookie >> 32);
    if first == 0 || read::<u64>(read::<u64>(ctx as u64) + FIRST) & 0xffff_ffff == first {
        count(number, COMPAT);
    }
    0
}

#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn inj_uring(ctx: BtfTracePointContext) -> i32 {
    let request: *const c_void = ctx.arg(0);
    let operation = field!(request, OFF_IO_OPCODE, u8);
    if let Some(call) = INJ_RING_CALLS.get(u32::from(operation))
        && *call != 0
    {
        count(u64::from(*call - 1), IO_URING);
    }
    0
}
