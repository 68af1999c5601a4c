//! Atomic addition: budgets and counters are never load-then-store.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd, atomic_xchg};

/// Writes `new` if `old` is there; returns what was there.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn exchange(at: *mut u64, old: u64, new: u64) -> u64 {
    unsafe { atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(at, old, new) }.0
}

/// Writes zero; returns what was there.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn take(at: *mut u64) -> u64 {
    unsafe { atomic_xchg::<u64, { AtomicOrdering::SeqCst }>(at, 0) }
}

/// Adds one; returns what was there.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn next(at: *mut u64) -> u64 {
    unsafe { add_first(at, 1) }
}

/// Adds.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn add(at: *mut u64, by: u64) {
    // LLVM 22 turns relaxed additions into the instruction that gives no old value, also where it is used.
    let _ = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(at, by) };
}

/// Adds, before anything that is read after it is read; returns what was there.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn add_first(at: *mut u64, by: u64) -> u64 {
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::SeqCst }>(at, by) }
}

/// Adds to a word of 32 bits.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn add32(at: *mut u32, by: u32) {
    let _ = unsafe { atomic_xadd::<u32, u32, { AtomicOrdering::Relaxed }>(at, by) };
}
