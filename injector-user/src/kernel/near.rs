//! The sums of cgroups that a program finds by CPU: read, and freed when the cgroup is gone.

use std::{
    num::NonZeroUsize,
    os::fd::AsFd as _,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result};
use injector_ebpf::{
    names,
    rtt::{Aggregate, NEAR, NEAR_BUSY, Near},
};

use super::{mapped::Mapped, object::Object};

/// A place is so many words; the first is [`Near::cgroup`].
const WORDS: usize = size_of::<Near>() / size_of::<u64>();

/// How many places there are.
///
/// # Errors
/// The kernel does not say how many CPUs there may be.
pub(super) fn places() -> Result<u32> {
    let cpus = aya::util::nr_cpus().map_err(|(path, error)| anyhow::Error::new(error).context(path))?;
    Ok(u32::try_from(cpus)?.saturating_mul(NEAR))
}

/// Hands out the sums of each cgroup that is there, CPU by CPU, and frees the places of the others.
///
/// # Errors
/// There is no memory to map them.
pub fn read(
    object: &mut Object,
    exists: &dyn Fn(u64) -> bool,
    mut each: impl FnMut(u64, &Aggregate),
) -> Result<()> {
    let places = places()? as usize;
    let map = object.map_fd(names::CG_NEAR)?;
    let length = NonZeroUsize::new(places * size_of::<Near>()).context("no CPUs")?;
    let mapped = Mapped::writable(map.as_fd(), length).context("mapping the sums of cgroups")?;
    let taken = |near: &Near| near.cgroup != 0 && near.cgroup != NEAR_BUSY && exists(near.cgroup);
    for near in mapped.each::<Near>(places).filter(taken) {
        each(near.cgroup, &near.sum);
    }
    free(mapped.words(), exists);
    Ok(())
}

/// Takes the places of cgroups that are gone, and frees those that were taken the last time: who was about to add to one
/// has done so by then. A socket of such a cgroup may still be there, and gets a place anew.
fn free(words: &[AtomicU64], exists: &dyn Fn(u64) -> bool) {
    for (cgroup, sums) in words.chunks_exact(WORDS).filter_map(|words| words.split_first()) {
        let id = cgroup.load(Ordering::Acquire);
        if id == NEAR_BUSY {
            sums.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            cgroup.store(0, Ordering::Release);
        } else if id != 0 && !exists(id) {
            cgroup.store(NEAR_BUSY, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_taken_first_and_freed_then() {
        let words: Vec<_> = (0..4 * WORDS).map(|_| AtomicU64::new(7)).collect();
        let put = |at: usize, cgroup| words[at * WORDS].store(cgroup, Ordering::Relaxed);
        (0..).zip([1, 2, 0, NEAR_BUSY]).for_each(|(at, cgroup)| put(at, cgroup));
        // Whose each place is, and what is in it.
        let look = || {
            words.chunks(WORDS).map(|place| {
                let all: Vec<u64> = place.iter().map(|word| word.load(Ordering::Relaxed)).collect();
                (all[0], all[1..].iter().sum::<u64>())
            })
        };
        let full = 7 * (WORDS as u64 - 1);
        free(&words, &|id| id == 1);
        assert_eq!(look().collect::<Vec<_>>(), [(1, full), (NEAR_BUSY, full), (0, full), (0, 0)]);
        free(&words, &|id| id == 1);
        assert_eq!(look().collect::<Vec<_>>(), [(1, full), (0, 0), (0, full), (0, 0)]);
    }
}
