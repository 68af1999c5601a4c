//! Room on a socket for what its own program asks the kernel to keep there.
//!
//! Groups, filters and options are charged to the socket, and the kernel refuses more than `optmem_max` (20 KiB up to
//! 6.7). What we keep on it is charged as well: before a program would be refused for that, ours goes. The socket is
//! observed anew from its next packet on.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_sk_storage_delete, macros::fentry, programs::FEntryContext};

use super::{
    flows, fold,
    kernel::{field, offset},
    maps::{INJ_DEP_SPANS, INJ_FLOWS, INJ_SEEN, raw},
};

/// `sock_kmalloc(sk, size, ..)`: everything but filters.
#[fentry(function = "sock_kmalloc")]
pub fn inj_room(ctx: FEntryContext) -> i32 {
    let (sk, size) = (ctx.arg::<*const c_void>(0), ctx.arg::<i32>(1));
    if size > 0 {
        make_room(sk, size as u32);
    }
    0
}

/// `sk_filter_charge(sk, filter)`: a filter has at most 4,096 instructions of 8 bytes, and its size is not asked for.
#[fentry(function = "sk_filter_charge")]
pub fn inj_room_filter(ctx: FEntryContext) -> i32 {
    make_room(ctx.arg::<*const c_void>(0), 1 << 15);
    0
}

#[inline(always)]
fn make_room(sk: *const c_void, size: u32) {
    let held = field!(sk, OFF_SK_OMEM, i32).max(0) as u32;
    if u64::from(held) + u64::from(size) <= unsafe { offset!(OPTMEM_ROOM) } as u64 {
        return;
    }
    let sk = sk.cast_mut();
    unsafe {
        let flow = flows::get(sk);
        // What comes by meanwhile makes a flow anew, and does not revive this one.
        let _ = bpf_sk_storage_delete(raw(&INJ_FLOWS), sk);
        let _ = bpf_sk_storage_delete(raw(&INJ_DEP_SPANS), sk);
        let _ = bpf_sk_storage_delete(raw(&INJ_SEEN), sk);
        if let Some(flow) = flow {
            fold::finish(flow);
        }
    }
}
