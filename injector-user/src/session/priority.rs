//! The daemon before others, when all want the CPU.

use tracing::warn;

/// Of -20 (first) to 19 (last); others have 0. `Nice=` of the unit is the same.
const NICE: libc::c_int = -10;

/// Lets this thread, and those that it starts later, run before others: a node that its own experiment keeps busy is one
/// where the daemon must see that, and where `stop` must be quick. It sleeps nearly all of the time.
pub(super) fn raise() {
    // SAFETY: three numbers. The constant's type differs between C libraries.
    let raised = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    if raised != 0 {
        let error = std::io::Error::last_os_error();
        warn!(
            "the daemon has no priority over others (nice {NICE}): {error}; on a busy node its end of a fault may be late"
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_unit_says_the_same() {
        let unit = include_str!("../../../scripts/injector.service");
        assert!(unit.lines().any(|line| line == format!("Nice={}", super::NICE)));
    }
}
