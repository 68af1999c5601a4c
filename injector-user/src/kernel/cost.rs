//! What our programs cost: the kernel's own count of runs and time, for one second in ten while it is asked for.

use std::os::fd::OwnedFd;

use anyhow::Result;
use aya::sys::{Stats, enable_stats};
use injector_ebpf::names;

use super::object::Object;

/// The programs that judge packets and calls.
const PROGRAMS: [&str; 6] = [
    names::EGRESS,
    names::INGRESS,
    names::INGRESS_DROP,
    names::EGRESS_DROP,
    names::OPEN_LSM,
    names::CALL_KPROBE,
];
/// One call in so many begins a measurement, the next one ends it.
const EVERY: u32 = 10;

/// See the module.
#[derive(Debug, Default)]
pub struct Cost {
    calls: u32,
    /// The kernel counts while this is open, and the sums at that moment.
    counting: Option<(OwnedFd, (u64, u64))>,
}

impl Cost {
    /// Runs and nanoseconds since the last call, as far as they were measured.
    ///
    /// # Errors
    /// The kernel does not count (BPF_ENABLE_STATS, Linux 5.8).
    pub fn look(&mut self, object: &mut Object, measure: bool) -> Result<(u64, u64)> {
        let ended = self.counting.take();
        let found = match &ended {
            Some((_, before)) => {
                let after = sums(object)?;
                (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1))
            }
            None => (0, 0),
        };
        drop(ended);
        self.calls = self.calls.wrapping_add(1);
        if measure && self.calls % EVERY == 1 {
            let before = sums(object)?;
            self.counting = Some((enable_stats(Stats::RunTime)?, before));
        }
        Ok(found)
    }
}

/// Runs and nanoseconds of all our programs since they were loaded.
fn sums(object: &mut Object) -> Result<(u64, u64)> {
    let mut sum = (0, 0);
    for name in PROGRAMS {
        let program = object.program(name)?;
        if program.fd().is_ok() {
            let info = program.info()?;
            sum = (
                sum.0 + info.run_count(),
                sum.1 + u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX),
            );
        }
    }
    Ok(sum)
}
