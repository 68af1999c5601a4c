//! The kernel's types as aya has them: what programs are loaded by.
//!
//! Of the types themselves nothing is needed, only the ids of functions and tracepoints: aya is given no more than that,
//! for it would make 20 MB of small pieces of the rest. They are read once for all that is loaded within some seconds,
//! and kept no longer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use aya::{Btf, Endianness};

use super::btf::{bytes_of_kernel, only_what_has_ids};

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
        None => Arc::new(parse(&bytes_of_kernel()?)?),
    };
    *kept = Some((Arc::clone(&types), Instant::now()));
    Ok(types)
}

/// These are what will be asked for, from one who has read them just now.
///
/// # Errors
/// They are no types.
pub fn keep(bytes: &[u8]) -> Result<()> {
    let mut kept = TYPES.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.is_none() {
        *kept = Some((Arc::new(parse(bytes)?), Instant::now()));
    }
    Ok(())
}

fn parse(bytes: &[u8]) -> Result<Btf> {
    Btf::parse(&only_what_has_ids(bytes)?, Endianness::default()).context("the kernel's types")
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
    use aya_obj::btf::BtfKind;

    use super::*;

    #[test]
    fn ids_are_those_of_the_whole() {
        let Ok(whole) = Btf::from_sys_fs() else {
            println!("SKIP ids_are_those_of_the_whole: this kernel has no BTF");
            return;
        };
        let ids = parse(&bytes_of_kernel().unwrap()).unwrap();
        for (name, kind) in [
            ("btf_trace_tcp_probe", BtfKind::Typedef),
            ("btf_trace_sched_switch", BtfKind::Typedef),
            ("inet_csk_accept", BtfKind::Func),
            ("bpf_lsm_file_open", BtfKind::Func),
            ("bpf_iter_bpf_sk_storage_map", BtfKind::Func),
        ] {
            let id = ids.id_by_type_name_kind(name, kind).unwrap();
            assert_eq!(id, whole.id_by_type_name_kind(name, kind).unwrap(), "{name}");
            assert!(id > 1, "{name}");
        }
        assert!(ids.id_by_type_name_kind("task_struct", BtfKind::Struct).is_err());
    }

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
