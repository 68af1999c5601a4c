//! Memory that is freed goes back to the host.

/// From this size on memory is asked of the kernel, and given back to it, by itself.
#[cfg(target_env = "gnu")]
const BY_ITSELF: libc::c_int = 64 * 1024;

/// glibc keeps what was freed, and raises its limits with what it sees: after the kernel's types were read, and after
/// 100,000 flows, the daemon would be twice as large for good as what it holds.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    for limit in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: two numbers. What it refuses stays as it was, which costs memory and nothing else.
        let _taken = unsafe { libc::mallopt(limit, BY_ITSELF) };
    }
}

/// Gives back what is free between what is held: after very many small pieces were freed.
pub(super) fn give_back_now() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number of bytes to keep, and touches free memory only.
    let _gave = unsafe { libc::malloc_trim(0) };
}
