//! Frees what flows had whose sockets went without a word: those that closed while nobody observed their cgroup, and
//! those whose end no program saw, because the kernel runs none within another.
//!
//! What any other flow had is given back by the program that sees its end.

use std::{
    num::NonZeroUsize,
    os::fd::AsFd as _,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result};
use injector_ebpf::{
    flow::Flow,
    names,
    rtt::{FlowRtt, HISTOGRAMS},
    slot::{SLOT_BUSY, SLOT_ENDED, SLOTS, Slot, slot_of},
};

use super::{mapped::Mapped, object::Object};

/// What is remembered between readings.
#[derive(Debug, Default)]
pub struct Slots {
    /// How many flows had gone at the last reading.
    gone: u64,
    slots: Sweep,
    histograms: Sweep,
}

impl Slots {
    /// Looks for such slots and histograms where flows have `gone` (how many so far), or where the last reading left it to
    /// this one to decide. `flows` is a reading of all that are open. How many of each were freed.
    ///
    /// # Errors
    /// There is no memory to map them.
    pub fn free(&mut self, object: &mut Object, flows: &[Flow], gone: u64) -> Result<(usize, usize)> {
        let suspects = self.slots.suspects.len() + self.histograms.suspects.len();
        if gone == std::mem::replace(&mut self.gone, gone) && suspects == 0 {
            return Ok((0, 0));
        }
        let slots = mapped(object, names::SLOTS, SLOTS as usize * size_of::<Slot>())?;
        let histograms = mapped(object, names::FLOW_RTT, HISTOGRAMS as usize * size_of::<FlowRtt>())?;
        Ok((
            self.slots.free::<Slot>(slots.words(), flows, |flow| slot_of(flow.cookie) as usize),
            self.histograms.free::<FlowRtt>(histograms.words(), flows, |flow| {
                // 0 is no place.
                usize::from(flow.histogram).wrapping_sub(1)
            }),
        ))
    }
}

fn mapped(object: &mut Object, name: &str, bytes: usize) -> Result<Mapped> {
    let length = NonZeroUsize::new(bytes).context("nothing to map")?;
    let map = object.map_fd(name)?;
    Mapped::writable(map.as_fd(), length).with_context(|| format!("mapping {name}"))
}

/// Places, with their sockets' numbers, whose flow the last reading did not find, by place.
#[derive(Debug, Default)]
struct Sweep {
    suspects: Vec<(usize, u64)>,
}

impl Sweep {
    /// Frees those whose flow is not among `flows` and was not in the reading before either: of one reading alone it may
    /// be that it has begun since, or is ending. `place` is the one that a flow has, if it has one; a place is a `T`, of
    /// which the first word is the socket's number.
    fn free<T>(&mut self, words: &[AtomicU64], flows: &[Flow], place: impl Fn(&Flow) -> usize) -> usize {
        let each = words.chunks_exact(size_of::<T>() / size_of::<u64>());
        let places: Vec<_> = each.filter_map(|words| words.split_first()).collect();
        let mut open = vec![false; places.len()];
        for flow in flows {
            let at = place(flow);
            if let (Some((cookie, _)), Some(open)) = (places.get(at), open.get_mut(at)) {
                *open |= cookie.load(Ordering::Acquire) == flow.cookie;
            }
        }
        let mut suspects = Vec::new();
        let mut freed = 0;
        for (at, ((cookie, rest), _)) in places.iter().zip(&open).enumerate().filter(|(_, (_, open))| !**open)
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

    const WORDS: usize = size_of::<Slot>() / size_of::<u64>();

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
        let mut slots = Sweep::default();
        let mut free =
            |flows: &[Flow]| slots.free::<Slot>(&words, flows, |flow| slot_of(flow.cookie) as usize);
        // 4 has only begun since, 5 is that of another round, and one without a slot is beyond those of this test.
        let [first, later] = [vec![open(1), open(5), open(second(6))], vec![open(4), open(1), open(99)]];
        assert_eq!((free(&first), now()), (0, cookies.to_vec()));
        // Somebody else has this one by now.
        put(8, second(8));
        assert_eq!(free(&later), 2);
        assert_eq!(now(), [0, 1, 0, 3 | SLOT_ENDED, 4, 0, second(6), SLOT_BUSY, second(8)]);
        assert!(words[2 * WORDS + 1..3 * WORDS].iter().all(|word| word.load(Ordering::Relaxed) == 0));
        assert!(words[WORDS + 1..2 * WORDS].iter().all(|word| word.load(Ordering::Relaxed) == 7));
        // Of these two it was not known yet: only a third reading decides.
        assert_eq!((free(&later), now()[6], now()[8]), (2, 0, 0));
        assert_eq!(free(&later), 0);
    }

    #[test]
    fn a_histogram_is_that_of_the_flow_which_has_it() {
        const WORDS: usize = size_of::<FlowRtt>() / size_of::<u64>();
        let words: Vec<_> = (0..3 * WORDS).map(|_| AtomicU64::new(7)).collect();
        let now = || words.chunks(WORDS).map(|rtt| rtt[0].load(Ordering::Relaxed)).collect::<Vec<_>>();
        // All three are of one socket, whose flow has the second of them.
        let flows = [Flow { histogram: 2, ..open(7) }, open(8)];
        let mut histograms = Sweep::default();
        let mut free =
            || histograms.free::<FlowRtt>(&words, &flows, |flow| usize::from(flow.histogram).wrapping_sub(1));
        assert_eq!((free(), now()), (0, vec![7, 7, 7]));
        assert_eq!((free(), now()), (2, vec![0, 7, 0]));
        let sums = words.chunks(WORDS).map(|rtt| rtt.iter().map(|n| n.load(Ordering::Relaxed)).sum::<u64>());
        assert_eq!(sums.collect::<Vec<_>>(), [0, 7 * WORDS as u64, 0]);
    }
}
