//! The kernel's types as aya has them: what programs are loaded by.
//!
//! Reading them takes a while, and they are 20 MB of small pieces: they are read once for all that is loaded within some
//! seconds, and kept no longer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use aya::Btf;

/// Unused for so long, they are forgotten: faults are armed one after the other.
const KEPT: Duration = Duration::from_secs(10);

static TYPES: Mutex<Option<(Arc<Btf>, Instant)>> = Mutex::new(None);

/// The types of the running kernel.
///
/// # Errors
/// The kernel has no BTF.
pub fn of_kernel() -> Result<Arc<Btf>> {
    let mut kept = TYPES.lock().unwrap_or_else(PoisonError::into_inner);
    let types = match kept.take() {
        Some((types, _)) => types,
        None => Arc::new(Btf::from_sys_fs().context("reading the kernel's types")?),
    };
    *kept = Some((Arc::clone(&types), Instant::now()));
    Ok(types)
}

/// Forgets them if nobody used them for 10 seconds before `now`. Did it?
pub fn forget_unused(now: Instant) -> bool {
    let mut kept = TYPES.lock().unwrap_or_else(PoisonError::into_inner);
    let unused = kept.as_ref().is_some_and(|(_, used)| now.saturating_duration_since(*used) >= KEPT);
    if unused {
        *kept = None;
    }
    unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_once_and_forgotten_when_unused() {
        let Ok(first) = of_kernel() else {
            println!("SKIP they_are_read_once_and_forgotten_when_unused: this kernel has no BTF");
            return;
        };
        assert!(Arc::ptr_eq(&first, &of_kernel().unwrap()));
        assert!(!forget_unused(Instant::now()));
        // Other tests may use them meanwhile: forgetting is what is asked for here, not who does it.
        let later = Instant::now() + KEPT * 100;
        forget_unused(later);
        assert!(!Arc::ptr_eq(&first, &of_kernel().unwrap()));
    }
}
