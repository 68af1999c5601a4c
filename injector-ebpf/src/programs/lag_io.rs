//! How long requests to block devices take, by the cgroup that asked for them.
//!
//! A request is remembered by its address, from the scheduler's queue (or from the device, if it goes there at once) to its
//! end. Devices that have no requests (dm, md, zram, brd) show only those of the devices below them.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::{bpf_get_current_task_btf, bpf_ktime_get_ns},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use injector_ebpf::lag::{IO_QUEUED, IO_READ, IO_WRITE, InFlight};

use super::{
    kernel::{field, offset},
    lag::{self, missed},
    maps::INJ_IN_FLIGHT,
};

/// include/linux/blk_types.h: `REQ_OP_MASK`, `REQ_OP_READ`, `REQ_OP_WRITE`. Discards and flushes are neither.
const OPERATION: u32 = 0xff;
const READ: u32 = 0;
const WRITE: u32 = 1;

fn now() -> u64 {
    unsafe { bpf_ktime_get_ns() }
}

/// Whose request it is; 0: nobody's.
///
/// The block layer's own answer is the one of the io controller: right for whoever writes another's pages back, and no
/// nearer than to the last cgroup above that has the controller. If this task is of that one as well, it is the one that
/// asks, and its own cgroup is the nearer answer; without the controller it is the only one.
#[inline(always)]
fn owner(request: *const c_void) -> u64 {
    let task: *const c_void = unsafe { bpf_get_current_task_btf() }.cast();
    let own = lag::cgroup_of(task);
    if unsafe { offset!(HAS_IO_CGROUPS) } == 0 {
        return lag::id(own);
    }
    let bio = field!(request, OFF_RQ_BIO, *const c_void);
    if bio.is_null() {
        return 0;
    }
    let group = field!(bio, OFF_BIO_BLKG, *const c_void);
    if group.is_null() {
        return lag::id(own);
    }
    let state = field!(group, OFF_BLKG_BLKCG, *const c_void);
    let set = field!(task, OFF_TASK_CGROUPS, *const c_void);
    if state == field!(set, OFF_CSS_SET_IO, *const c_void) {
        return lag::id(own);
    }
    let other = field!(state, OFF_BLKCG_CGROUP, *const c_void);
    // The controller may belong to v1 here: its cgroups are none that anybody can name to us.
    let root = |cgroup: *const c_void| field!(cgroup, OFF_CGROUP_ROOT, *const c_void);
    if root(other) == root(own) { lag::id(other) } else { 0 }
}

/// What is remembered of a request that is observed.
#[inline(always)]
fn begun(request: *const c_void) -> Option<InFlight> {
    let kind = match field!(request, OFF_RQ_FLAGS, u32) & OPERATION {
        READ => IO_READ,
        WRITE => IO_WRITE,
        _ => return None,
    };
    let cgroup = owner(request);
    if !lag::observed(cgroup) {
        return None;
    }
    Some(InFlight { cgroup, queued: 0, issued: 0, kind: u64::from(kind) })
}

#[inline(always)]
fn remember(request: *const c_void, entry: &InFlight) {
    if INJ_IN_FLIGHT.insert(&(request as u64), entry, 0).is_err() {
        missed!(requests_full);
    }
}

#[inline(always)]
fn forget(request: *const c_void) {
    let _unknown = INJ_IN_FLIGHT.remove(&(request as u64));
}

/// It comes into the scheduler's queue.
#[btf_tracepoint(function = "block_rq_insert")]
pub fn inj_io_queue(ctx: BtfTracePointContext) -> i32 {
    let request: *const c_void = ctx.arg(0);
    if let Some(entry) = begun(request) {
        remember(request, &InFlight { queued: now(), ..entry });
    }
    0
}

/// The device gets it: from the queue, from whoever asks, or once more because it had no room.
#[btf_tracepoint(function = "block_rq_issue")]
pub fn inj_io_issue(ctx: BtfTracePointContext) -> i32 {
    let request: *const c_void = ctx.arg(0);
    let now = now();
    if let Some(known) = INJ_IN_FLIGHT.get_ptr_mut(&(request as u64)) {
        let known = unsafe { &mut *known };
        if known.issued == 0 {
            known.issued = now;
            if known.queued != 0 {
                lag::sample(known.cgroup, IO_QUEUED, known.queued, now);
            }
            return 0;
        }
        // Its end was missed, and the address is another's now.
        forget(request);
    }
    if let Some(entry) = begun(request) {
        remember(request, &InFlight { issued: now, ..entry });
    }
    0
}

/// The device had no room for it: it waits again.
#[btf_tracepoint(function = "block_rq_requeue")]
pub fn inj_io_again(ctx: BtfTracePointContext) -> i32 {
    let request: *const c_void = ctx.arg(0);
    if let Some(known) = INJ_IN_FLIGHT.get_ptr_mut(&(request as u64)) {
        let known = unsafe { &mut *known };
        (known.queued, known.issued) = (now(), 0);
    }
    0
}

/// It was in the queue and has become a part of another one.
#[btf_tracepoint(function = "block_rq_merge")]
pub fn inj_io_merge(ctx: BtfTracePointContext) -> i32 {
    forget(ctx.arg(0));
    0
}

/// So many bytes of it are done.
#[btf_tracepoint(function = "block_rq_complete")]
pub fn inj_io_done(ctx: BtfTracePointContext) -> i32 {
    let request: *const c_void = ctx.arg(0);
    let Some(known) = INJ_IN_FLIGHT.get_ptr_mut(&(request as u64)) else { return 0 };
    let known = unsafe { *known };
    let bytes: u32 = ctx.arg(2);
    if bytes < field!(request, OFF_RQ_LEN, u32) {
        return 0;
    }
    forget(request);
    if known.issued != 0 {
        lag::sample(known.cgroup, known.kind as u32, known.issued, now());
    }
    0
}
