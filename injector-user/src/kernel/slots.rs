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
    flow::{Flow, SLOT_BUSY, SLOT_ENDED, SLOTS, Slot, slot_of},
    names,
};

use super::{mapped::Mapped, object::Object};

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
            let at = slot_of(flow.cookie) as usize;
            if let (Some((cookie, _)), Some(open)) = (slots.get(at), open.get_mut(at)) {
                *open |= cookie.load(Ordering::Acquire) == flow.cookie;
            }
        }
        let mut suspects = Vec::new();
        let mut freed = 0;
        for (at, ((cookie, rest), _)) in slots.iter().zip(&open).enumerate().filter(|(_, (_, open))| !**open)
        {
            let one = (at, cookie.load(Ordering::Acquire));
            if one.1 == 0 || one.1 & (SLOT_ENDED | SLOT_BUSY) != 0 {
                continue;
            }
            if self.suspects.binary_search(&one).is_err() {
                suspects.push(one);
            } else if cookie.compare_exchange(one.1, SLOT_BUSY, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
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
        let words: Vec<_> = (0..9 * WORDS).map(|_| AtomicU64::new(7)).collect();
        // Numbers of the second round have their slots a quarter of a block further on.
        let second = |at: u64| at + 2 * u64::from(SLOTS) - 1024;
        assert_eq!((slot_of(5), slot_of(second(5))), (5, 5));
        let cookies = [0, 1, 2, 3 | SLOT_ENDED, 4, second(5), second(6), SLOT_BUSY, 8];
        let put = |at: usize, cookie| words[at * WORDS].store(cookie, Ordering::Relaxed);
        (0..).zip(cookies).for_each(|(at, cookie)| put(at, cookie));
        let now = || words.chunks(WORDS).map(|slot| slot[0].load(Ordering::Relaxed)).collect::<Vec<_>>();
        let mut slots = Slots::default();
        // 4 has only begun since, 5 is that of another round, and one without a slot is beyond those of this test.
        let [first, later] = [vec![open(1), open(5), open(second(6))], vec![open(4), open(1), open(99)]];
        assert_eq!((slots.free_of(&words, &first), now()), (0, cookies.to_vec()));
        // Somebody else has this one by now.
        put(8, second(8));
        assert_eq!(slots.free_of(&words, &later), 2);
        assert_eq!(now(), [0, 1, 0, 3 | SLOT_ENDED, 4, 0, second(6), SLOT_BUSY, second(8)]);
        assert!(words[2 * WORDS + 1..3 * WORDS].iter().all(|word| word.load(Ordering::Relaxed) == 0));
        assert!(words[WORDS + 1..2 * WORDS].iter().all(|word| word.load(Ordering::Relaxed) == 7));
        // Of these two it was not known yet: only a third reading decides.
        assert_eq!((slots.free_of(&words, &later), now()[6], now()[8]), (2, 0, 0));
        assert_eq!(slots.free_of(&words, &later), 0);
    }
}
