//! Charging budgets. What cannot be charged is not faulted.

use injector_ebpf::meter::{METERS, NO_LIMIT};

use super::{
    atomic,
    maps::{INJ_METER_USE, INJ_METERS},
};

/// Another CPU may have been first: then once more. Whoever loses every time lets its packet through.
const TRIES: u32 = 8;

/// Takes `cost` from meter `index`; 0: done, 1: over the limit.
///
/// A global function: it is called for eight meters, and the verifier looks at it once.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_charge(index: u32, cost: u64, now: u64) -> u64 {
    if index >= METERS {
        return 1;
    }
    let Some(meter) = INJ_METERS.get(index) else { return 1 };
    if meter.limit == NO_LIMIT {
        return 0;
    }
    let Some(used) = INJ_METER_USE.get_ptr_mut(index) else { return 1 };
    let state = unsafe { &raw mut (*used).state };
    let mut old = unsafe { core::ptr::read_volatile(state) };
    for _ in 0..TRIES {
        let new = meter.take(old, cost, now);
        if new == NO_LIMIT {
            break;
        }
        let there = unsafe { atomic::exchange(state, old, new) };
        if there == old {
            return 0;
        }
        old = there;
    }
    unsafe { atomic::add(&raw mut (*used).refused, 1) };
    1
}
