//! Atomic addition: budgets and counters are never load-then-store.

use core::intrinsics::{AtomicOrdering, atomic_xadd};

/// Adds, and returns what was there before.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn fetch_add(at: *mut u64, by: u64) -> u64 {
    // Not relaxed: LLVM 22 turns a relaxed addition into the instruction that gives no old value, also where
    // the old value is used, and a budget would never be spent.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::SeqCst }>(at, by) }
}

/// Adds.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn add(at: *mut u64, by: u64) {
    let _ = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(at, by) };
}

/// Adds to a word of 32 bits.
///
/// # Safety
/// `at` points into a map value.
#[inline(always)]
pub unsafe fn add32(at: *mut u32, by: u32) {
    let _ = unsafe { atomic_xadd::<u32, u32, { AtomicOrdering::Relaxed }>(at, by) };
}
