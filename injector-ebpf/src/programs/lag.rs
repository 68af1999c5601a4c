//! Where it is kept how long a cgroup's requests took and its tasks waited, and whose these are.

use core::ffi::c_void;

use injector_ebpf::{
    dep::ABSURD_NS,
    hist::bucket,
    lag::{LagKey, LagLost},
    rule::CG_LAG,
};

use super::{
    atomic, gate,
    kernel::field,
    maps::{INJ_LAG_LOST, INJ_LAGS},
};

/// Counts a loss of this kind of observation.
macro_rules! missed {
    ($field:ident) => {
        if let Some(lost) = $crate::programs::lag::lost() {
            unsafe { $crate::programs::atomic::add(core::ptr::addr_of_mut!((*lost).$field), 1) }
        }
    };
}
pub(crate) use missed;

pub fn lost() -> Option<*mut LagLost> {
    INJ_LAG_LOST.get_ptr_mut(0)
}

/// Is it observed how long this cgroup waits?
#[inline(always)]
pub fn observed(cgroup: u64) -> bool {
    gate::cgroup(cgroup).is_some_and(|entry| entry.flags & CG_LAG != 0)
}

/// The id of a `struct cgroup`.
#[inline(always)]
pub fn id(cgroup: *const c_void) -> u64 {
    let node = field!(cgroup, OFF_CGROUP_KN, *const c_void);
    field!(node, OFF_KN_ID, u64)
}

/// The cgroup (of v2) that a task is in.
#[inline(always)]
pub fn cgroup_of(task: *const c_void) -> *const c_void {
    let set = field!(task, OFF_TASK_CGROUPS, *const c_void);
    field!(set, OFF_CSS_SET_DFL, *const c_void)
}

/// Adds what began and ended at these times, in nanoseconds.
#[inline(always)]
pub fn sample(cgroup: u64, kind: u32, began: u64, ended: u64) {
    let ns = ended.wrapping_sub(began);
    if ns > ABSURD_NS {
        missed!(clock);
        return;
    }
    // Less than 2^32: an hour has 3.6e9 microseconds.
    let index = bucket((ns / 1000) as u32) as u64;
    // Through memory, so that the compiler keeps the bounds check that the verifier wants to see.
    let index = unsafe { core::ptr::read_volatile(&raw const index) as usize };
    let Some(lag) = INJ_LAGS.get_ptr_mut(&LagKey { cgroup, kind, pad: 0 }) else {
        // Else it was observed when this began.
        if observed(cgroup) {
            missed!(places_full);
        }
        return;
    };
    unsafe {
        atomic::add(&raw mut (*lag).samples, 1);
        atomic::add(&raw mut (*lag).ns, ns);
        if let Some(bucket) = (*lag).buckets.get_mut(index) {
            atomic::add(bucket, 1);
        }
    }
}
