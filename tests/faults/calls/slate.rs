//! Two processes tell each other numbers in memory that they share: no system call is needed, whichever fails.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

/// See the module. Forked processes have the same one.
#[derive(Clone, Copy)]
pub struct Slate(&'static [AtomicI64; 2]);

/// What is asked of whoever does as told, to end.
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
        let Self([asked, answer]) = self;
        answer.store(i64::MIN, SeqCst);
        asked.store(what as i64 + 1, SeqCst);
        while answer.load(SeqCst) == i64::MIN {
            pause(1);
        }
        asked.store(0, SeqCst);
        answer.load(SeqCst) as i32
    }

    /// Does what is asked for until that is over.
    pub fn serve(self, things: &[Box<dyn Fn() -> i32>]) {
        let Self([asked, answer]) = self;
        loop {
            match asked.load(SeqCst) {
                OVER => return,
                0 => pause(1),
                what => {
                    answer.store(i64::from(things[what as usize - 1]()), SeqCst);
                    while asked.load(SeqCst) == what {
                        pause(1);
                    }
                }
            }
        }
    }

    /// Waits until it is over.
    pub fn wait(self) {
        while self.0[0].load(SeqCst) != OVER {
            // There may be many who wait, and only one CPU.
            pause(50);
        }
    }

    pub fn end(self) {
        self.0[0].store(OVER, SeqCst);
    }
}
