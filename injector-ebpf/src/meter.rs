//! Budgets: how much may be faulted, in total and in a window of time, by one rule and by all of them.
//!
//! Two maps, because they have two writers: [`Meter`] is written by user space only, [`MeterUse`] by the programs
//! only, except that user space zeroes it while no rule uses it.

use crate::{layout, rule::MAX_RULES};

/// One budget.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// At most so many packets on the wire, bytes or calls; [`NO_LIMIT`]: no budget.
    pub limit: u64,
    /// In every window of so many ticks of `jiffies64`; 0: in total.
    pub window: u64,
}

/// What was taken from it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterUse {
    /// In total: the amount. In a window: the window's number above [`USED_BITS`], the amount below.
    pub state: u64,
    /// How often it said no.
    pub refused: u64,
}

/// [`Meter::limit`]: no budget.
pub const NO_LIMIT: u64 = u64::MAX;
/// Bits of [`MeterUse::state`] that hold the amount of a window: a tebibyte. 24 bits are left for the number.
pub const USED_BITS: u32 = 40;
const USED: u64 = (1 << USED_BITS) - 1;

/// Each rule has so many meters, at `slot * METERS_PER_RULE`.
pub const METERS_PER_RULE: u32 = 4;
/// Packets or calls in a second.
pub const UNITS_RATE: u32 = 0;
/// Bytes in a second.
pub const BYTES_RATE: u32 = 1;
/// Packets or calls in total.
pub const UNITS: u32 = 2;
/// Bytes in total.
pub const BYTES: u32 = 3;
/// The node's meters: packets, bytes and calls, in a second and in an hour.
pub const NODE: u32 = MAX_RULES as u32 * METERS_PER_RULE;
/// Packets of all rules in a second.
pub const NODE_PACKETS_RATE: u32 = NODE;
/// Bytes of all rules in a second.
pub const NODE_BYTES_RATE: u32 = NODE + 1;
/// Packets of all rules in an hour.
pub const NODE_PACKETS: u32 = NODE + 2;
/// Bytes of all rules in an hour.
pub const NODE_BYTES: u32 = NODE + 3;
/// Calls of all rules in a second.
pub const NODE_CALLS_RATE: u32 = NODE + 4;
/// Calls of all rules in an hour.
pub const NODE_CALLS: u32 = NODE + 5;
/// Events that are told in a second.
pub const NODE_EVENTS: u32 = NODE + 6;
/// How many meters there are.
pub const METERS: u32 = NODE + 7;

impl Meter {
    /// No budget.
    pub const NONE: Self = Self { limit: NO_LIMIT, window: 0 };

    /// The state after `cost` more at tick `now`, or [`NO_LIMIT`] if that is over the limit.
    #[inline(always)]
    pub const fn take(&self, state: u64, cost: u64, now: u64) -> u64 {
        if self.window == 0 {
            let sum = state.saturating_add(cost);
            return if sum > self.limit { NO_LIMIT } else { sum };
        }
        let number = (now / self.window) << USED_BITS;
        let used = if state & !USED == number { state & USED } else { 0 };
        let sum = used.saturating_add(cost);
        if sum > self.limit || sum > USED { NO_LIMIT } else { number | sum }
    }
}

impl MeterUse {
    /// What has been taken, at tick `now` of a window.
    pub const fn used(&self, meter: &Meter, now: u64) -> u64 {
        if meter.window == 0 {
            return self.state;
        }
        let number = (now / meter.window) << USED_BITS;
        if self.state & !USED == number { self.state & USED } else { 0 }
    }
}

layout!(Meter = 16, MeterUse = 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_never_exceeded() {
        let meter = Meter { limit: 10, window: 0 };
        let mut state = 0;
        for cost in [4, 4, 4, 2, 1] {
            let next = meter.take(state, cost, 0);
            if next != NO_LIMIT {
                state = next;
            }
        }
        assert_eq!(state, 10);
        assert_eq!(meter.take(u64::MAX - 1, 5, 0), NO_LIMIT);
    }

    #[test]
    fn a_window_begins_anew() {
        let meter = Meter { limit: 3, window: 250 };
        let mut used = MeterUse::default();
        for _ in 0..3 {
            used.state = meter.take(used.state, 1, 1_000_249);
        }
        assert_eq!((used.used(&meter, 1_000_249), used.used(&meter, 1_000_250)), (3, 0));
        assert_eq!(meter.take(used.state, 1, 1_000_249), NO_LIMIT);
        used.state = meter.take(used.state, 2, 1_000_250);
        assert_eq!(used.used(&meter, 1_000_250), 2);
        assert_eq!(Meter { limit: u64::MAX - 1, window: 1 }.take(0, 1 << USED_BITS, 5), NO_LIMIT);
    }
}
