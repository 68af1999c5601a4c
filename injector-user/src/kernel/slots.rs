//! Frees the slots of flows whose sockets went without a word: those that closed while nobody observed their cgroup.
//!
//! Any other flow's slot is given back by the program that sees its end.

use std::{
    num::NonZeroUsize,
    os::fd::AsFd as _,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result};
use injector_ebpf::{
    flow::{Flow, SLOT_ENDED, SLOTS, Slot},
    names,
};

use super::{mapped::Mapped, object::Object};

/// [`Slot::cookie`] while one is being freed: no socket has this number, and no program takes the slot.
const FREEING: u64 = SLOT_ENDED >> 1;
/// A slot is so many words; the first is [`Slot::cookie`].
const WORDS: usize = size_of::<Slot>() / size_of::<u64>();

/// What is remembered between readings.
#[derive(Debug, Default)]
pub struct Slots {
    /// How many flows had gone at the last reading.
    gone: u64,
    /// Slots, with their sockets' numbers, whose flow the last reading did not find, by slot.
    suspects: Vec<(usize, u64)>,
}

impl Slots {
    /// Looks for such slots where flows have `gone` (how many so far), or where the last reading left it to this one to
    /// decide. `flows` is a reading of all that are open. How many were freed.
    ///
    /// # Errors
    /// There is no memory to map them.
    pub fn free(&mut self, object: &mut Object, flows: &[Flow], gone: u64) -> Result<usize> {
        if gone == std::mem::replace(&mut self.gone, gone) && self.suspects.is_empty() {
            return Ok(0);
        }
        let map = object.map_fd(names::SLOTS)?;
        let length = NonZeroUsize::new(SLOTS as usize * size_of::<Slot>()).context("no slots")?;
        let mapped = Mapped::writable(map.as_fd(), length).context("mapping the slots of flows")?;
        Ok(self.free_of(mapped.words(), flows))
    }

    /// Frees those whose flow is not among `flows` and was not in the reading before either: of one reading alone it may
    /// be that it has begun since, or is ending.
    fn free_of(&mut self, words: &[AtomicU64], flows: &[Flow]) -> usize {
        let slots: Vec<_> = words.chunks_exact(WORDS).filter_map(|words| words.split_first()).collect();
        let mut open = vec![false; slots.len()];
        for flow in flows {
            let at = (flow.cookie % u64::from(SLOTS)) as usize;
            if let (Some((cookie, _)), Some(open)) = (slots.get(at), open.get_mut(at)) {
                *open |= cookie.load(Ordering::Acquire) == flow.cookie;
            }
        }
        let mut suspects = Vec::new();
        let mut freed = 0;
        for (at, ((cookie, rest), _)) in slots.iter().zip(&open).enumerate().filter(|(_, (_, open))| !**open)
        {
            let one = (at, cookie.load(Ordering::Acquire));
            if one.1 == 0 || one.1 & (SLOT_ENDED | FREEING) != 0 {
                continue;
            }
            if self.suspects.binary_search(&one).is_err() {
                suspects.push(one);
            } else if cookie.compare_exchange(one.1, FREEING, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                rest.iter().for_each(|word| word.store(0, Ordering::Relaxed));
                cookie.store(0, Ordering::Release);
                freed += 1;
            }
        }
        self.suspects = suspects;
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(cookie: u64) -> Flow {
        // SAFETY: plain data, all zero is a value.
        Flow { cookie, ..unsafe { std::mem::zeroed() } }
    }

    #[test]
    fn what_two_readings_do_not_find_is_freed() {
        let words: Vec<_> = (0..8 * WORDS).map(|_| AtomicU64::new(7)).collect();
        let size = u64::from(SLOTS);
        let cookies = [0, 1, 2, 3 | SLOT_ENDED, 4, 5 + size, 6 + 2 * size, FREEING];
        for (at, cookie) in cookies.into_iter().enumerate() {
            words[at * WORDS].store(cookie, Ordering::Relaxed);
        }
        let now = || words.chunks(WORDS).map(|slot| slot[0].load(Ordering::Relaxed)).collect::<Vec<_>>();
        let mut slots = Slots::default();
        // 4 has only begun since, 5 is that of another round, and one without a slot is beyond those of this test.
        let [first, second] = [vec![open(1), open(5), open(6 + 2 * size)], vec![open(4), open(1), open(9)]];
        assert_eq!((slots.free_of(&words, &first), now()), (0, cookies.to_vec()));
        assert_eq!(slots.free_of(&words, &second), 2);
        assert_eq!(now(), [0, 1, 0, 3 | SLOT_ENDED, 4, 0, 6 + 2 * size, FREEING]);
        assert!(words[2 * WORDS + 1..3 * WORDS].iter().all(|word| word.load(Ordering::Relaxed) == 0));
        assert!(words[WORDS + 1..2 * WORDS].iter().all(|word| word.load(Ordering::Relaxed) == 7));
        // The last one was found by the first reading, so that only a third decides.
        assert_eq!((slots.free_of(&words, &second), now()[6]), (1, 0));
        assert_eq!(slots.free_of(&words, &second), 0);
    }
}
