//! Two processes tell each other numbers in memory that they share: no system call is needed, whichever fails.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

/// See the module. Forked processes have the same one.
#[derive(Clone, Copy)]
pub struct Slate(&'static Words);

/// All zeros at first.
#[repr(C)]
struct Words {
    /// How many times something was asked, or [`OVER`].
    asked: AtomicI64,
    /// What: written before `asked`.
    what: AtomicI64,
    /// How many of these were answered.
    answered: AtomicI64,
    /// What came of it: written before `answered`.
    answer: AtomicI64,
}

/// No more is asked.
const OVER: i64 = -1;

/// Some milliseconds for others, by a call that no test has fail: else this would be a loop on a failing call, from
/// which a fault backs off.
fn pause(milliseconds: i64) {
    let moment = libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    let (none, all) = (std::ptr::null_mut(), std::ptr::null());
    // SAFETY: plain call.
    unsafe { libc::pselect(0, none, none, none, &raw const moment, all) };
}

impl Slate {
    pub fn new() -> Self {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, zeros, that is never unmapped.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        assert!(at != libc::MAP_FAILED);
        // SAFETY: it is large enough, aligned to pages, and any number is valid.
        Self(unsafe { &*at.cast() })
    }

    /// Asks for the thing with this number, and waits for what came of it.
    pub fn ask(self, what: usize) -> i32 {
        let Self(words) = self;
        words.what.store(what as i64, SeqCst);
        let number = words.asked.fetch_add(1, SeqCst) + 1;
        while words.answered.load(SeqCst) != number {
            pause(1);
        }
        words.answer.load(SeqCst) as i32
    }

    /// Does what is asked for until that is over.
    pub fn serve(self, things: &[Box<dyn Fn() -> i32>]) {
        let Self(words) = self;
        loop {
            match words.asked.load(SeqCst) {
                OVER => return,
                number if number == words.answered.load(SeqCst) => pause(1),
                number => {
                    let what = words.what.load(SeqCst) as usize;
                    words.answer.store(i64::from(things[what]()), SeqCst);
                    words.answered.store(number, SeqCst);
                }
            }
        }
    }

    /// Waits until it is over.
    pub fn wait(self) {
        while self.0.asked.load(SeqCst) != OVER {
            // There may be many who wait, and only one CPU.
            pause(50);
        }
    }

    pub fn end(self) {
        self.0.asked.store(OVER, SeqCst);
    }
}
