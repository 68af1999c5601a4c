//! What a target does after a call of its was failed: it tries again, too often, or it ends.

use crate::layout;

/// So many failures in a row of one thread, by one fault, within [`LIVELOCK_NS`], and the fault backs off.
pub const LIVELOCK_CALLS: u64 = 1000;
/// One second.
pub const LIVELOCK_NS: u64 = 1_000_000_000;
/// For so long the fault lets the thread's calls pass then: 100 ms.
pub const BACK_OFF_NS: u64 = 100_000_000;
/// The same call again within this time is a retry: one second.
pub const RETRY_NS: u64 = 1_000_000_000;
/// A descriptor that is closed within this time after a call on it failed is counted: one second.
pub const CLOSE_NS: u64 = 1_000_000_000;
/// A process that ends within this time after a failed call is counted: ten seconds.
pub const EXIT_NS: u64 = 10_000_000_000;
/// A program of the same name that begins within this time after that is a restart: one minute.
pub const RESTART_NS: u64 = 60_000_000_000;

/// What the target did next, for one rule: part of [`crate::rule::RuleStats`]. The fault itself and `pad` are the
/// daemon's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// A number that no other fault of this daemon has: what is remembered of threads and processes may be of an
    /// earlier fault with the same slot.
    pub fault: u64,
    /// How often a thread repeated failing calls so fast that the fault backed off.
    pub livelocks: u64,
    /// Calls that passed for that reason.
    pub passed_livelock: u64,
    /// Failed calls after which the thread made the same call again within [`RETRY_NS`].
    pub retried: u64,
    /// Processes that ended within [`EXIT_NS`] after a failed call.
    pub exited: u64,
    /// Of these, those after which a program of the same name began.
    pub restarted: u64,
    /// Failed calls whose descriptor the process closed within [`CLOSE_NS`].
    pub closed: u64,
}

impl Reaction {
    /// Nothing counted.
    pub const ZERO: Self =
        Self { fault: 0, livelocks: 0, passed_livelock: 0, retried: 0, exited: 0, restarted: 0, closed: 0 };
}

/// What is known of a thread of which a rule has failed a call. Times are `ktime`, in nanoseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// The [`Reaction::fault`] that it is about.
    pub fault: u64,
    /// When the last call failed; 0: what came of it has been counted.
    pub failed: u64,
    /// The last failed call's number.
    pub number: u64,
    /// When the calls began that are counted here.
    pub begun: u64,
    /// Calls that the rule meant.
    pub calls: u64,
    /// Of these, failed ones.
    pub fails: u64,
    /// Until then its calls pass.
    pub until: u64,
}

/// [`Thread::called`]: it is the same call again.
pub const RETRIED: u32 = 1;
/// [`Thread::called`]: the fault has backed off.
pub const PASSES: u32 = 2;

impl Thread {
    /// It makes a call that the rule means. Gives [`RETRIED`] and [`PASSES`].
    #[inline(always)]
    pub fn called(&mut self, number: u64, now: u64) -> u32 {
        self.calls = self.calls.wrapping_add(1);
        let mut said = 0;
        if self.failed != 0 && self.number == number {
            if now.saturating_sub(self.failed) <= RETRY_NS {
                said |= RETRIED;
            }
            self.failed = 0;
        }
        if now < self.until {
            said |= PASSES;
        }
        said
    }

    /// That call fails. `true`: it is one too many, and the fault backs off.
    #[inline(always)]
    pub fn fails(&mut self, number: u64, now: u64) -> bool {
        // One that passed in between, or a pause: it does not loop.
        if self.calls != self.fails.wrapping_add(1) || now.saturating_sub(self.begun) > LIVELOCK_NS {
            self.begun = now;
            self.calls = 1;
            self.fails = 0;
        }
        self.fails += 1;
        self.failed = now;
        self.number = number;
        if self.fails < LIVELOCK_CALLS {
            return false;
        }
        self.calls = 0;
        self.fails = 0;
        self.until = now + BACK_OFF_NS;
        true
    }
}

/// When a process had a call failed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// The [`Reaction::fault`] that it is about.
    pub fault: u64,
    /// `ktime`, in nanoseconds.
    pub at: u64,
}

/// A descriptor of a process on which a call was failed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnDescriptor {
    /// The [`Reaction::fault`] that it is about.
    pub fault: u64,
    /// When: `ktime`, in nanoseconds.
    pub at: u64,
    /// The rule's slot.
    pub rule: u64,
}

impl OnDescriptor {
    /// Is it this fault's, and recent enough, to be closed for that reason?
    #[inline(always)]
    pub fn closed(&self, fault: u64, now: u64) -> bool {
        self.fault == fault && now.saturating_sub(self.at) <= CLOSE_NS
    }
}

/// The name of processes that ended after a failed call, and the rule.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The name (`comm`) of the process's first thread.
    pub comm: [u64; 2],
    /// The rule's slot.
    pub rule: u64,
}

/// What became of them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// The [`Reaction::fault`] that it is about.
    pub fault: u64,
    /// When the last one ended: `ktime`, in nanoseconds.
    pub at: u64,
    /// So many of them were not restarted yet.
    pub left: u64,
}

layout!(Reaction = 56, Thread = 56, Failed = 16, OnDescriptor = 24, Name = 24, Gone = 24);

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` calls, `gap` ns apart, all of which fail unless the fault has backed off; gives failed ones and livelocks.
    fn loops(thread: &mut Thread, from: u64, n: u64, gap: u64) -> (u64, u64) {
        let (mut failed, mut livelocks) = (0, 0);
        for k in 0..n {
            let now = from + k * gap;
            if thread.called(5, now) & PASSES == 0 {
                failed += 1;
                livelocks += u64::from(thread.fails(5, now));
            }
        }
        (failed, livelocks)
    }

    #[test]
    fn who_loops_gets_through() {
        let mut thread = Thread::default();
        assert_eq!(loops(&mut thread, 1, 999, 1000), (999, 0));
        assert_eq!(loops(&mut thread, 1_000_000, 1, 1000), (1, 1));
        assert_eq!(loops(&mut thread, 1_001_000, 1000, 10), (0, 0), "100 ms are not over");
        assert_eq!(loops(&mut thread, 200_000_000, 1000, 10), (1000, 1), "and then it fails again");
    }

    #[test]
    fn who_is_slower_or_has_one_that_passes_does_not_loop() {
        let mut thread = Thread::default();
        assert_eq!(loops(&mut thread, 1, 10_000, 1_100_000), (10_000, 0), "900 in a second");
        let mut thread = Thread::default();
        for k in 1..100 {
            assert_eq!(loops(&mut thread, k * 1_000_000, 999, 10), (999, 0));
            assert_eq!(thread.called(5, k * 1_000_000 + 10_000), RETRIED, "this one passes by chance");
        }
    }

    #[test]
    fn a_descriptor_is_closed_in_time_and_for_the_same_fault() {
        let failed = OnDescriptor { fault: 3, at: 10, rule: 0 };
        assert!(failed.closed(3, 10) && failed.closed(3, 10 + CLOSE_NS));
        assert!(!failed.closed(3, 11 + CLOSE_NS) && !failed.closed(4, 10));
    }

    #[test]
    fn a_retry_is_the_same_call_within_a_second_and_counted_once() {
        let mut thread = Thread::default();
        thread.fails(5, 1);
        assert_eq!(thread.called(6, 2), 0, "another call");
        assert_eq!(thread.called(5, RETRY_NS), RETRIED);
        assert_eq!(thread.called(5, RETRY_NS), 0);
        thread.fails(5, 1);
        assert_eq!(thread.called(5, RETRY_NS + 2), 0, "too late");
    }
}
